# SPDX-License-Identifier: Apache-2.0
"""Depth in Image messages (REP 118) as arrays of metres."""

from typing import Any

import numpy as np

from prv2_ros.media.encodings import Encoding, samples_of
from prv2_ros.media.refusal import RefusedImageError, check_pixels

_ENCODINGS = {"32FC1": Encoding(1, np.asarray, sample="f4"), "16UC1": Encoding(1, np.asarray, sample="u2")}


def image_to_depth(message: Any, *, max_pixels: float = float("inf")) -> np.ndarray:
    """Depth of a sensor_msgs/Image: (H, W) float32 metres.

    32FC1 comes as it is, with NaN and infinities; in 16UC1, millimetres, zero becomes NaN.

    Raises:
        RefusedImageError: reason "encoding", "step", "data_size", "zero_size" or "too_large".
    """
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        raise RefusedImageError("encoding", f"encoding '{message.encoding[:64]}' is not depth (32FC1 or 16UC1)")
    check_pixels(message.width, message.height, max_pixels)
    values = samples_of(message, encoding)
    if encoding.sample == "f4":
        return values.astype(np.float32)
    return np.where(values > 0, values / np.float32(1000.0), np.float32(np.nan)).astype(np.float32)
