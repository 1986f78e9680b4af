# SPDX-License-Identifier: Apache-2.0
"""Depth in Image messages (REP 118) as arrays of metres."""

from typing import Any

import numpy as np

from prv2_ros.media.refusal import RefusedImageError, check_pixels

SAMPLES = {"32FC1": "f4", "16UC1": "u2"}


def image_to_depth(message: Any, *, max_pixels: float = float("inf")) -> np.ndarray:
    """Depth of a sensor_msgs/Image: (H, W) float32 metres.

    32FC1 comes as it is, with NaN and infinities; in 16UC1, millimetres, zero becomes NaN.

    Raises:
        RefusedImageError: reason "encoding", "step", "data_size", "zero_size" or "too_large".
    """
    sample = SAMPLES.get(message.encoding)
    if sample is None:
        raise RefusedImageError("encoding", f"encoding '{message.encoding[:64]}' is not depth (32FC1 or 16UC1)")
    check_pixels(message.width, message.height, max_pixels)
    dtype = np.dtype((">" if message.is_bigendian else "<") + sample)
    size = f"depth image of {message.width}x{message.height} has step {message.step}"
    if message.step < message.width * dtype.itemsize:
        raise RefusedImageError("step", f"{size}, which is less than a row of {message.width * dtype.itemsize} bytes")
    if len(message.data) != message.step * message.height:
        raise RefusedImageError("data_size", f"{size} and {len(message.data)} bytes")
    shape, strides = (message.height, message.width), (message.step, dtype.itemsize)
    values = np.ndarray(shape, dtype, memoryview(message.data), strides=strides)
    if sample == "f4":
        return values.astype(np.float32)
    return np.where(values > 0, values / np.float32(1000.0), np.float32(np.nan)).astype(np.float32)
