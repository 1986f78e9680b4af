# SPDX-License-Identifier: Apache-2.0
"""Removal of lens distortion with maps computed once."""

import cv2
import numpy as np


class Rectifier:
    """Maps of one camera.

    Args:
        size: (width, height) of the image [px].
        k: (3, 3) intrinsics of the image.
        d: distortion coefficients.
        r: (3, 3) rotation of rectification.
        p: (3, 4) projection of the rectified image.
        fisheye: `d` belongs to OpenCV's fisheye model (equidistant), not to its polynomial one.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        k: np.ndarray,
        d: tuple[float, ...],
        r: np.ndarray,
        p: np.ndarray,
        fisheye: bool,
    ):
        if fisheye:
            maps = cv2.fisheye.initUndistortRectifyMap(k, np.array(d[:4]), r, p[:, :3], size, cv2.CV_32FC1)
        else:
            maps = cv2.initUndistortRectifyMap(k, np.array(d), r, p[:, :3], size, cv2.CV_32FC1)
        # Far outside is outside: absurd coefficients must not reach the integer maps as overflow.
        x, y = (
            np.clip(np.nan_to_num(part, nan=-9.0), -9.0, length + 9.0) for part, length in zip(maps, size, strict=True)
        )
        self._maps = cv2.convertMaps(x, y, cv2.CV_16SC2)
        outside = (x < 0) | (y < 0) | (x > size[0] - 1) | (y > size[1] - 1)
        self.outside = outside if outside.any() else None
        """(H, W) bool, true where the rectified image shows nothing; None when it is full."""

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Rectified (H, W, 3) uint8 image; black where there is nothing to show."""
        return cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
