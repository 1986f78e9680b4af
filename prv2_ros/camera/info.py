# SPDX-License-Identifier: Apache-2.0
"""The fields of a CameraInfo, whoever decoded it, and what roi and binning mean for the image at hand.

rclpy and ROS 2 recordings write k, d, r, p; ROS 1 wrote K, D, R, P.
"""

from typing import Any

import numpy as np

# Ratios of the axes' scales up to this count as one scale: sizes are whole pixels.
_SCALE_TOLERANCE = 0.01


def info_array(info: Any, name: str) -> np.ndarray:
    """One of the matrices "k", "d", "r" and "p", flat, float64.

    Raises:
        AttributeError: the info has neither that name nor its upper case.
    """
    values = getattr(info, name) if hasattr(info, name) else getattr(info, name.upper())
    return np.array(values, dtype=float).ravel()


def window_of(info: Any) -> tuple[int, int, int, int, int, int]:
    """roi (x, y, width, height) and binning (x, y) [px] as stated; zeros where the info has no such field."""
    roi = getattr(info, "roi", None)
    x, y, width, height = (getattr(roi, name, 0) for name in ("x_offset", "y_offset", "width", "height"))
    return x, y, width, height, getattr(info, "binning_x", 0), getattr(info, "binning_y", 0)


def info_key(info: Any) -> tuple:
    """All that a model depends on: two infos of one key are the same camera."""
    arrays = (tuple(info_array(info, name).tolist()) for name in ("d", "k", "r", "p"))
    return (info.width, info.height, info.distortion_model, *arrays, *window_of(info))


def image_from_full_resolution(info: Any, width: int, height: int) -> tuple[np.ndarray | None, tuple[str, str] | None]:
    """(3, 3) matrix from pixels of the full resolution to those of the image, and what was odd about it.

    Args:
        info: CameraInfo with the size of the full resolution, roi and binning (REP 104).
        width, height: size of the image at hand [px].

    Returns:
        The matrix, None where the info does not fit the image; (reason, text) of a problem, or None.
    """
    full = np.array([info.width or width, info.height or height], dtype=float)
    window_px = np.array(window_of(info), dtype=float)
    offset, binning = window_px[:2], np.maximum(window_px[4:], 1)
    window = np.where(window_px[2:4] > 0, window_px[2:4], full - offset)
    if (window < 1).any() or (offset + window > full).any():
        return None, ("bad_roi", f"roi of camera_info (offset {offset}, size {window}) is not inside its {full} pixels")
    image = np.array([width, height], dtype=float)
    expected = np.maximum(window // binning, 1)
    factor, problem = 1.0 / binning, None
    if (np.abs(image - expected) > 1).any():
        factor = image / window
        if abs(factor[0] / factor[1] * binning[0] / binning[1] - 1) > _SCALE_TOLERANCE:
            return None, (
                "size_mismatch",
                f"camera_info is for {expected[0]:.0f}x{expected[1]:.0f} pixels, the image has "
                f"{width}x{height}: not the same shape",
            )
        problem = (
            "size_scaled",
            f"camera_info is for {expected[0]:.0f}x{expected[1]:.0f} pixels, the image has "
            f"{width}x{height}: intrinsics are scaled to fit",
        )
    matrix = np.diag([*factor, 1.0])
    matrix[:2, 2] = -offset * factor
    return matrix, problem
