# SPDX-License-Identifier: Apache-2.0
"""Canny edges of log depth: one definition for the boundary metric and for the ranking loss's samples."""

import cv2
import numpy as np

# Thresholds on the 3x3 Sobel response of log depth after the Gaussian. A clean step s of log depth gives a response of
# about 3·s, so an edge starts at a jump of about 7 % in depth and continues down to one of about 3.5 %.
CANNY_LOW = 0.1
CANNY_HIGH = 0.2
GAUSSIAN_SIGMA_PX = 1.0
# cv2.Canny takes int16 gradients: with 512 per unit the threshold 0.1 is 51, and the largest step of log depth, from
# 1e-3 to 80 m (4·11.3), is 23,000 of 32,767.
SOBEL_SCALE = 512


def log_depth_gradient(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel response of log depth along x and y, after a Gaussian of sigma 1: 8 times the change per pixel.

    Args:
        depth: (H, W) metres, every pixel finite and above 0 (see `fill_unknown`).

    Returns:
        Two float64 (H, W) maps.
    """
    log_depth = np.log(np.asarray(depth, dtype=np.float64))
    size = 2 * int(4 * GAUSSIAN_SIGMA_PX) + 1
    smooth = cv2.GaussianBlur(log_depth, (size, size), GAUSSIAN_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    along_x, along_y = (
        cv2.Sobel(smooth, cv2.CV_64F, dx, 1 - dx, ksize=3, borderType=cv2.BORDER_REPLICATE) for dx in (1, 0)
    )
    return along_x, along_y


def canny_edges(along_x: np.ndarray, along_y: np.ndarray) -> np.ndarray:
    """Canny's suppression and hysteresis on the gradient of `log_depth_gradient`; (H, W) bool, one pixel wide."""
    steps_x, steps_y = (
        np.clip(np.rint(along * SOBEL_SCALE), -32767, 32767).astype(np.int16) for along in (along_x, along_y)
    )
    return cv2.Canny(steps_x, steps_y, CANNY_LOW * SOBEL_SCALE, CANNY_HIGH * SOBEL_SCALE, L2gradient=True) > 0


def log_depth_edges(depth: np.ndarray) -> np.ndarray:
    """Canny edges of the logarithm of depth: (H, W) metres above 0 to (H, W) bool."""
    return canny_edges(*log_depth_gradient(depth))


def fill_unknown(depth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Depth with each pixel that is not `known` replaced by the nearest known one; both (H, W)."""
    if known.all():
        return depth
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.empty(labels.max() + 1, dtype=depth.dtype)
    by_label[labels[known]] = depth[known]
    return by_label[labels]
