# SPDX-License-Identifier: Apache-2.0
"""Organised PointCloud2 of a depth image."""

import sys
from typing import Any

import numpy as np
import torch
from sensor_msgs.msg import PointCloud2, PointField
from torch import Tensor

from prv2_ros.engine.cloud import organised_cloud
from prv2_ros.engine.inputs import Picture
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.node.depth_message import Buffer, attach


def cloud_message(
    header: Any,
    depth_m: Tensor,
    matrix: np.ndarray,
    buffer: Buffer,
    *,
    rgb: Picture | None,
    stride: int,
    max_range_m: float,
) -> PointCloud2:
    """Cloud of every `stride`-th pixel.

    Args:
        header: stamp and optical frame of the image.
        depth_m: (H, W) float32 metres on any device.
        matrix: (3, 3) intrinsics of the depth image.
        buffer: memory of this output.
        rgb: image of any size that shows the same as the depth, (h, w, 3) uint8, on the host or on the depth's
            device; None for points without colour.
        stride: distance of rows and of columns [px].
        max_range_m: points beyond become NaN.

    Returns:
        The message with x, y, z and rgb as FLOAT32, 16 bytes a point, or 12 without colour.
    """
    height, width = (-(-size // stride) for size in depth_m.shape)
    names = ("x", "y", "z") if rgb is None else ("x", "y", "z", "rgb")
    view = torch.from_numpy(buffer.view((height, width, len(names)), "float32"))
    colour = None
    if rgb is not None:
        if rgb.shape[:2] == depth_m.shape:
            strided = rgb[::stride, ::stride]
        else:
            rows = np.arange(height) * stride * rgb.shape[0] // depth_m.shape[0]
            columns = np.arange(width) * stride * rgb.shape[1] // depth_m.shape[1]
            strided = rgb[rows[:, None], columns]
        if isinstance(strided, np.ndarray):
            # A strided view would be gathered here anyway, and torch takes no read-only memory without a warning.
            strided = torch.from_numpy(strided if depth_m.device.type == "cpu" else np.ascontiguousarray(strided))
        colour = to_device(strided, depth_m.device)
    on_host = depth_m.device.type == "cpu"
    cloud = organised_cloud(
        depth_m,
        fx=matrix[0, 0],
        fy=matrix[1, 1],
        cx=matrix[0, 2],
        cy=matrix[1, 2],
        rgb=colour,
        stride=stride,
        max_range_m=max_range_m,
        out=view if on_host else None,
    )
    if not on_host:
        to_host(cloud, out=view)
    fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate(names)
    ]
    step = 4 * len(names)
    message = PointCloud2(header=header, height=height, width=width, fields=fields, is_dense=False)
    message.point_step, message.row_step, message.is_bigendian = step, step * width, sys.byteorder == "big"
    attach(message, buffer)
    return message
