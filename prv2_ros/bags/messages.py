# SPDX-License-Identifier: Apache-2.0
"""Conversion between messages of recordings and arrays."""

from typing import Any

import cv2
import numpy as np

from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, typestore
from prv2_ros.errors import DataError, ImageError
from prv2_ros.media.compressed_depth import HEAD
from prv2_ros.media.depth_image import image_to_depth

_NANOSECONDS = 10**9


def make_header(time_ns: int, frame_id: str) -> Any:
    """std_msgs/Header."""
    types = typestore().types
    stamp = types["builtin_interfaces/msg/Time"](sec=time_ns // _NANOSECONDS, nanosec=time_ns % _NANOSECONDS)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def stamp_ns(message: Any) -> int:
    """The stamp in a message's header, nanoseconds."""
    return message.header.stamp.sec * _NANOSECONDS + message.header.stamp.nanosec


def compressed_message(header: Any, data: bytes, format: str) -> Any:
    """sensor_msgs/CompressedImage around encoded bytes."""
    return typestore().types[COMPRESSED_TYPE](header=header, format=format, data=np.frombuffer(data, np.uint8))


def camera_info_message(header: Any, *, width: int, height: int, intrinsics: tuple[float, float, float, float]) -> Any:
    """sensor_msgs/CameraInfo of an undistorted camera with intrinsics fx, fy, cx, cy [px]."""
    fx, fy, cx, cy = intrinsics
    types = typestore().types
    region = types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return types[CAMERA_INFO_TYPE](
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1], np.float64),
        r=np.eye(3).ravel(),
        p=np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def decompress_depth(data: bytes, format: str) -> np.ndarray:
    """Depth of a compressedDepth message: (H, W) float32 metres, NaN for no depth.

    Raises:
        DataError: Another format, or damaged data.
    """
    data = bytes(data)
    encoding = format.split(";")[0].strip()
    if "compressedDepth" not in format or encoding not in ("32FC1", "16UC1"):
        raise DataError(f"'{format}' is not compressed depth (32FC1 or 16UC1; compressedDepth png)")
    if len(data) <= HEAD.size:
        raise DataError(f"compressed depth of {len(data)} bytes is cut off")
    _, scale, offset = HEAD.unpack_from(data)
    try:
        codes = cv2.imdecode(np.frombuffer(data, np.uint8, offset=HEAD.size), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        codes = None
    if codes is None or codes.dtype != np.uint16 or codes.ndim != 2:
        raise DataError("compressed depth has no readable 16-bit PNG")
    depth_m = np.full(codes.shape, np.nan, np.float32)
    known = codes > 0
    values = codes[known].astype(np.float32)
    depth_m[known] = values / 1000.0 if encoding == "16UC1" else scale / (values - offset)
    return depth_m


def read_depth_message(message: Any) -> np.ndarray:
    """Depth of an Image (32FC1, 16UC1) or a compressedDepth message: (H, W) float32 metres.

    32FC1 comes as it is, with NaN and infinities (REP 118); in 16UC1 zero becomes NaN.

    Raises:
        DataError: Another encoding, or sizes that do not fit together.
    """
    if hasattr(message, "format"):
        return decompress_depth(message.data, message.format)
    try:
        return image_to_depth(message)
    except ImageError as error:
        raise DataError(str(error)) from error


def read_intrinsics(message: Any, *, width: int, height: int) -> tuple[float, float, float, float] | None:
    """fx, fy, cx, cy of a CameraInfo, scaled to an image of this size; None if uncalibrated (K[0] = 0)."""
    fx, _, cx, _, fy, cy = (float(value) for value in message.k[:6])
    if fx <= 0 or fy <= 0:
        return None
    across = width / message.width if message.width else 1.0
    down = height / message.height if message.height else 1.0
    return fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5
