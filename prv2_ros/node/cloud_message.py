# SPDX-License-Identifier: Apache-2.0
"""Organised PointCloud2 of a depth image."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sensor_msgs.msg import PointCloud2, PointField
from torch import Tensor

from prv2_ros.engine.cloud import organised_cloud
from prv2_ros.engine.inputs import Picture
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.node.depth_message import Buffer, attach


@dataclass(frozen=True)
class PointLayout:
    """Memory layout of a point: x, y, z, then perhaps packed colour (as PCL's rgb), and more fields in its place.

    Attributes:
        floats: size of a point in FLOAT32s.
        colour: the fourth float is packed colour.
        more: (name, offset, type) of the fields after z.
    """

    floats: int
    colour: bool
    more: tuple[tuple[str, int, int], ...] = ()


# Autoware's PointXYZIRC: intensity is the brightness of the image, channel the row of the cloud.
_IRC = (
    ("intensity", 12, PointField.UINT8),
    ("return_type", 13, PointField.UINT8),
    ("channel", 14, PointField.UINT16),
)
LAYOUTS = {
    "xyzrgb": PointLayout(4, True, (("rgb", 12, PointField.FLOAT32),)),
    "xyz": PointLayout(3, False),
    "xyzirc": PointLayout(4, True, _IRC),
}
_SINGLE_STRONGEST = 1


def cloud_message(
    header: Any,
    depth_m: Tensor,
    matrix: np.ndarray,
    buffer: Buffer,
    *,
    rgb: Picture,
    layout: str,
    stride: int,
    max_range_m: float,
    sky_range_m: float = 0.0,
) -> PointCloud2:
    """Cloud of every `stride`-th pixel.

    Args:
        header: stamp and optical frame.
        depth_m: (H, W) float32 metres on any device.
        matrix: (3, 3) intrinsics of the depth image.
        buffer: memory of this output.
        rgb: (h, w, 3) uint8 image of the same view, any size, on the host or the depth's device.
        layout: one of `LAYOUTS`.
        stride: distance of rows and of columns [px].
        max_range_m: points beyond are NaN.
        sky_range_m: depth of sky and out-of-range points; 0: NaN.
    """
    height, width = (-(-size // stride) for size in depth_m.shape)
    traits = LAYOUTS[layout]
    view = torch.from_numpy(buffer.view((height, width, traits.floats), "float32"))
    if sky_range_m:
        # Beyond all measured points, so that a costmap can tell clearing from marking.
        depth_m = torch.where(depth_m > max_range_m, sky_range_m, depth_m)
    on_host = depth_m.device.type == "cpu"
    cloud = organised_cloud(
        depth_m,
        fx=matrix[0, 0],
        fy=matrix[1, 1],
        cx=matrix[0, 2],
        cy=matrix[1, 2],
        rgb=_strided(rgb, depth_m, stride) if traits.colour else None,
        stride=stride,
        max_range_m=max(max_range_m, sky_range_m),
        out=view if on_host else None,
    )
    if not on_host:
        to_host(cloud, out=view)
    if layout == "xyzirc":
        _colour_to_intensity(view.numpy())
    fields = [("x", 0, PointField.FLOAT32), ("y", 4, PointField.FLOAT32), ("z", 8, PointField.FLOAT32), *traits.more]
    message = PointCloud2(header=header, height=height, width=width, is_dense=False)
    message.fields = [PointField(name=name, offset=at, datatype=kind, count=1) for name, at, kind in fields]
    step = 4 * traits.floats
    message.point_step, message.row_step, message.is_bigendian = step, step * width, sys.byteorder == "big"
    attach(message, buffer)
    return message


def _strided(rgb: Picture, depth_m: Tensor, stride: int) -> Tensor:
    """The image at the cloud's points, on the depth's device."""
    if rgb.shape[:2] == depth_m.shape:
        strided = rgb[::stride, ::stride]
    else:
        height, width = (-(-size // stride) for size in depth_m.shape)
        rows = np.arange(height) * stride * rgb.shape[0] // depth_m.shape[0]
        columns = np.arange(width) * stride * rgb.shape[1] // depth_m.shape[1]
        strided = rgb[rows[:, None], columns]
    if isinstance(strided, np.ndarray):
        # On the host a strided view is enough; torch warns about read-only memory.
        strided = torch.from_numpy(strided if depth_m.device.type == "cpu" else np.ascontiguousarray(strided))
    return to_device(strided, depth_m.device)


def _colour_to_intensity(points: np.ndarray) -> None:
    """Replace the packed colour of (h, w, 4) float32 points by intensity, return type and channel."""
    packed = points.view(np.uint32)[..., 3]
    # Weights of ITU-R BT.601, in 256ths.
    intensity = (77 * (packed >> 16 & 255) + 150 * (packed >> 8 & 255) + 29 * (packed & 255)) >> 8
    octets, halves = points.view(np.uint8), points.view(np.uint16)
    octets[..., 12], octets[..., 13] = intensity, _SINGLE_STRONGEST
    halves[..., 7] = np.arange(len(points), dtype=np.uint16)[:, None]
