# SPDX-License-Identifier: Apache-2.0
"""The fields of a CameraInfo, whatever decoded it, and the effect of roi and binning on the image.

rclpy and ROS 2 recordings have k, d, r, p; ROS 1 has K, D, R, P.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from prv2_ros.camera.sense import is_central

# Scales of the two axes that differ by less are equal: sizes are whole pixels.
_SCALE_TOLERANCE = 0.01
_RECTIFIED = re.compile(r"(^|_)(rect|rectified|undistorted|undistort)(_|$)")


def says_rectified(topic: str) -> bool:
    """Whether the name of an image topic, without its transport, means a rectified image: image_rect, left/rectified.

    The last two parts of the name count: the image's own, and that of the stream it belongs to (/cam/rect/image).
    """
    return any(_RECTIFIED.search(part) for part in topic.lower().rsplit("/", 2)[-2:])


def info_array(info: Any, name: str) -> np.ndarray:
    """One of the matrices "k", "d", "r" and "p", flat, float64."""
    values = getattr(info, name) if hasattr(info, name) else getattr(info, name.upper())
    return np.array(values, dtype=float).ravel()


def window_of(info: Any) -> tuple[int, int, int, int, int, int]:
    """roi (x, y, width, height) and binning (x, y) [px]; zeros where the info has no such field."""
    roi = getattr(info, "roi", None)
    x, y, width, height = (getattr(roi, name, 0) for name in ("x_offset", "y_offset", "width", "height"))
    return x, y, width, height, getattr(info, "binning_x", 0), getattr(info, "binning_y", 0)


def info_key(info: Any) -> tuple:
    """Everything that a model depends on: two infos with one key are the same camera."""
    arrays = (tuple(info_array(info, name).tolist()) for name in ("d", "k", "r", "p"))
    return (info.width, info.height, info.distortion_model, *arrays, *window_of(info))


@dataclass(frozen=True)
class Placement:
    """Position of the image in the pixels that K and P refer to.

    Args:
        matrix: (3, 3) from their pixels to those of the image.
        frame: width and height that their numbers refer to [px].
        problem: (reason, text), or None.
    """

    matrix: np.ndarray
    frame: tuple[float, float]
    problem: tuple[str, str] | None = None


def place_image(info: Any, k: np.ndarray, width: int, height: int) -> Placement | tuple[str, str]:
    """Position of an image of `width` x `height` px by roi and binning (REP 104), or (reason, text) of a mismatch.

    Drivers calibrated with binned images send that K with the full size, or the full K with the binned size: the
    principal point is then far from the middle as stated, and near it for the other size, which is used.

    Args:
        info: CameraInfo with the size of the full resolution, roi and binning.
        k: (3, 3) intrinsics as stated.
        width, height: size of the image.
    """
    stated = _as_stated(info, width, height)
    binning = np.maximum(np.array(window_of(info)[4:], dtype=float), 1)
    centre = k[0, 2], k[1, 2]
    if not isinstance(stated, Placement) or is_central(*centre, *stated.frame):
        return stated
    size = f"{info.width}x{info.height} pixels with binning {binning[0]:.0f}x{binning[1]:.0f}"
    words = f"the principal point {centre[0]:g}, {centre[1]:g} of camera_info cannot be that of {size}"
    if is_central(*centre, width, height):
        own = f"{words}; it fits the image of {width}x{height} as it is, so K is used"
        return Placement(np.eye(3), (width, height), ("own_intrinsics", own))
    full = width * binning[0], height * binning[1]
    if binning.max() > 1 and is_central(*centre, *full):
        unbinned = f"{words}; it fits {full[0]:.0f}x{full[1]:.0f} pixels, so K is used"
        return Placement(np.diag([*1 / binning, 1.0]), full, ("own_intrinsics", unbinned))
    return stated


def _as_stated(info: Any, width: int, height: int) -> Placement | tuple[str, str]:
    full = np.array([info.width or width, info.height or height], dtype=float)
    window_px = np.array(window_of(info), dtype=float)
    offset, binning = window_px[:2], np.maximum(window_px[4:], 1)
    window = np.where(window_px[2:4] > 0, window_px[2:4], full - offset)
    if (window < 1).any() or (offset + window > full).any():
        return "bad_roi", f"roi of camera_info (offset {offset}, size {window}) is not inside its {full} pixels"
    image = np.array([width, height], dtype=float)
    expected = np.maximum(window // binning, 1)
    factor, problem = 1.0 / binning, None
    if (np.abs(image - expected) > 1).any():
        factor = image / window
        sizes = f"camera_info is for {expected[0]:.0f}x{expected[1]:.0f} pixels, the image has {width}x{height}"
        if abs(factor[0] / factor[1] * binning[0] / binning[1] - 1) > _SCALE_TOLERANCE:
            return "size_mismatch", f"{sizes}: not the same shape"
        problem = ("size_scaled", f"{sizes}: intrinsics are scaled to fit")
    matrix = np.diag([*factor, 1.0])
    matrix[:2, 2] = -offset * factor
    return Placement(matrix, (float(full[0]), float(full[1])), problem)
