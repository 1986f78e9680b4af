# SPDX-License-Identifier: Apache-2.0
"""From one image message of a recording to the messages that the node would publish for it."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prv2_ros.bags.convert.plan import Camera
from prv2_ros.bags.messages import camera_info_message, read_intrinsics
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, TIMING_TYPE, typestore
from prv2_ros.engine import filters
from prv2_ros.engine.cloud import organised_cloud
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb

MAX_PIXELS = 1 << 28


@dataclass(frozen=True)
class FrameOptions:
    """What is made of a frame; the node's parameters of the same names."""

    min_range_m: float = 0.1
    max_range_m: float = 80.0
    points_stride: int = 4
    points_max_range_m: float = 60.0
    measured_timing: bool = False


def decode_image(camera: Camera, message: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image message.

    Raises:
        ImageError: It cannot be used.
    """
    decode = compressed_to_rgb if camera.type == COMPRESSED_TYPE else image_to_rgb
    return decode(message, max_pixels=MAX_PIXELS)


@torch.inference_mode()
def depth_messages(
    engine: Any, rgb: np.ndarray, header: Any, info: Any, camera: Camera, options: FrameOptions
) -> tuple[list[tuple[str, str, Any]], dict[str, float]]:
    """Everything about one frame.

    Args:
        engine: A DepthEngine.
        rgb: (H, W, 3) uint8.
        header: Of the image; stamp and frame are kept.
        info: CameraInfo of the image, or None.
        camera: Names of the output topics.
        options: Ranges and the cloud's stride.

    Returns:
        (topic, type, message) in the order of publishing, and the measured times in ms.
    """
    height, width = rgb.shape[:2]
    intrinsics = read_intrinsics(info, width=width, height=height) if info is not None else None
    result = engine.infer(rgb, focal_px=intrinsics[:2] if intrinsics else None)
    depth = filters.apply_range(result.depth, options.min_range_m, options.max_range_m)
    depth_topic, info_topic, points_topic, timing_topic = camera.outputs
    messages = [
        (depth_topic, IMAGE_TYPE, _depth_message(header, depth.cpu().numpy())),
        (info_topic, CAMERA_INFO_TYPE, _info_message(header, info, intrinsics, width, height)),
    ]
    distorted = info is not None and bool(np.any(info.d))
    if intrinsics and options.points_stride and not distorted:
        messages.append((points_topic, CLOUD_TYPE, _cloud_message(header, depth, rgb, intrinsics, options)))
    times = result.timing.as_dict()
    timing = _timing_message(header, engine, times if options.measured_timing else {}, rgb.shape, times["tiles"])
    messages.append((timing_topic, TIMING_TYPE, timing))
    return messages, times


def _depth_message(header: Any, depth_m: np.ndarray) -> Any:
    height, width = depth_m.shape
    return typestore().types[IMAGE_TYPE](
        header=header,
        height=height,
        width=width,
        encoding="32FC1",
        is_bigendian=0,
        step=4 * width,
        data=np.ascontiguousarray(depth_m, "<f4").view(np.uint8).ravel(),
    )


def _info_message(header: Any, info: Any, intrinsics: tuple | None, width: int, height: int) -> Any:
    if info is None or intrinsics is None:
        return camera_info_message(header, width=width, height=height, intrinsics=(0.0, 0.0, 0.0, 0.0))
    message = copy(info)
    message.header = header
    if (info.width, info.height) != (width, height):
        fx, fy, cx, cy = intrinsics
        message.width, message.height = width, height
        message.k = np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1], np.float64)
        message.p = np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64)
    return message


def _cloud_message(header: Any, depth: torch.Tensor, rgb: np.ndarray, intrinsics: tuple, options: FrameOptions) -> Any:
    fx, fy, cx, cy = intrinsics
    stride = options.points_stride
    colour = torch.from_numpy(np.ascontiguousarray(rgb[::stride, ::stride])).to(depth.device)
    cloud = organised_cloud(
        depth, fx=fx, fy=fy, cx=cx, cy=cy, rgb=colour, stride=stride, max_range_m=options.points_max_range_m
    )
    types = typestore().types
    fields = [
        types["sensor_msgs/msg/PointField"](name=name, offset=4 * index, datatype=7, count=1)
        for index, name in enumerate(("x", "y", "z", "rgb"))
    ]
    height, width = cloud.shape[:2]
    return types[CLOUD_TYPE](
        header=header,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=False,
        point_step=16,
        row_step=16 * width,
        data=cloud.cpu().contiguous().numpy().view(np.uint8).ravel(),
        is_dense=False,
    )


def _timing_message(header: Any, engine: Any, times: dict[str, float], shape: tuple[int, ...], tiles: float) -> Any:
    values: dict[str, Any] = dict.fromkeys((name for name, _ in typestore().fielddefs[TIMING_TYPE][1]), 0)
    values.update({name: value for name, value in times.items() if name in values})
    values.update(
        header=header,
        tiles_refined=int(tiles),
        tiles_total=int(tiles),
        input_width=shape[1],
        input_height=shape[0],
        output_width=shape[1],
        output_height=shape[0],
        device=str(engine.device),
        precision=engine.precision,
        weights=engine.weights_name,
        camera="",
    )
    return typestore().types[TIMING_TYPE](**values)
