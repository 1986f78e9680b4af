# SPDX-License-Identifier: Apache-2.0
"""The guided filter (He, Sun and Tang 2013) of a depth map by its picture, with OpenCV's box filters."""

import cv2
import numpy as np

RADIUS = 1 / 128  # of the picture's width
REGULARISATION = 1e-3  # of brightness in [0, 1]


def guided_filter(depth_m: np.ndarray, rgb: np.ndarray, *, radius_px: int | None = None) -> np.ndarray:
    """Depth whose edges follow the picture's brightness; a linear function of it in every window.

    Args:
        depth_m: (H, W) float32, metres.
        rgb: (H, W, 3) uint8.
        radius_px: of the windows; by default a share of the width.

    Returns:
        (H, W) float32, metres, never negative.
    """
    radius = radius_px or max(1, round(RADIUS * rgb.shape[1]))
    guide = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    guide_mean, depth_mean = mean(guide), mean(depth_m)
    covariance = mean(guide * depth_m) - guide_mean * depth_mean
    slope = covariance / (mean(guide * guide) - guide_mean**2 + REGULARISATION)
    offset = depth_mean - slope * guide_mean
    return np.maximum(mean(slope) * guide + mean(offset), 0)
