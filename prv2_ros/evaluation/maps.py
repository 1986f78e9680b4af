# SPDX-License-Identifier: Apache-2.0
"""Bring a prediction and its ground truth to the same size and range, by one rule for every metric."""

import cv2
import numpy as np

from prv2_ros.errors import DataError

MIN_DEPTH_M = 1e-3
MAX_DEPTH_M = 80.0


def depth_map(array: np.ndarray, name: str) -> np.ndarray:
    """`array` as a float64 (H, W) map; `name` stands in the error.

    Raises:
        DataError: if it has another number of axes or no pixels.
    """
    depth = np.asarray(array, dtype=np.float64)
    if depth.ndim != 2 or depth.size == 0:
        raise DataError(f"{name} has shape {depth.shape}; a depth map is (H, W) with at least one pixel")
    return depth


def resize_bilinear(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear resize with half-pixel centres (align_corners=False) and without antialiasing."""
    if depth.shape == (height, width):
        return depth
    return cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR)


def prepare_prediction(
    prediction: np.ndarray, shape: tuple[int, int], min_depth: float, max_depth: float
) -> np.ndarray:
    """A prediction as the metrics see it: of the ground truth's size, and within the range.

    Before the resize NaN and −inf become `min_depth` and +inf becomes `max_depth`: a pixel without an answer is
    a wrong answer, so leaving pixels out never improves a figure.
    """
    depth = np.nan_to_num(depth_map(prediction, "prediction"), nan=min_depth, posinf=max_depth, neginf=min_depth)
    return np.clip(resize_bilinear(depth, *shape), min_depth, max_depth)


def valid_pixels(target: np.ndarray, min_depth: float = MIN_DEPTH_M, max_depth: float = MAX_DEPTH_M) -> np.ndarray:
    """(H, W) bool: finite ground truth in [min_depth, max_depth]; 0, NaN and infinity (sky) are outside.

    Raises:
        DataError: if there is no such pixel, since no metric has a value then, or the range is none.
    """
    if not 0 < min_depth < max_depth:
        raise DataError(f"range of {min_depth:g} to {max_depth:g} m: 0 < min_depth < max_depth, since 0 is unknown")
    valid = np.isfinite(target) & (target >= min_depth) & (target <= max_depth)
    if not valid.any():
        raise DataError(
            f"ground truth of shape {target.shape} has no pixel from {min_depth:g} to {max_depth:g} m; "
            "leave the frame out, or check the depth's unit and the range"
        )
    return valid
