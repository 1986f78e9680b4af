# SPDX-License-Identifier: Apache-2.0
"""Canny edges of log depth, and how well a prediction's edges agree with the ground truth's."""

import cv2
import numpy as np

from prv2_ros.evaluation.maps import MAX_DEPTH_M, MIN_DEPTH_M, depth_map, prepare_prediction, valid_pixels

# On the 3x3 Sobel response of log depth after the Gaussian. A clean step of log depth s answers with about 3·s, so an
# edge starts at a jump of about 7 % in depth and is followed down to one of about 3.5 %.
CANNY_LOW = 0.1
CANNY_HIGH = 0.2
GAUSSIAN_SIGMA_PX = 1.0
DILATION_PX = 5
# cv2.Canny takes int16 gradients: 512 a unit leaves 0.1 at 51 steps, and the largest step of log depth from 1e-3 to
# 80 m (4·11.3) at 23,000 of 32,767.
SOBEL_SCALE = 512


def log_depth_edges(depth: np.ndarray) -> np.ndarray:
    """Canny edges (sigma 1) of the logarithm of depth.

    Args:
        depth: (H, W) metres, every pixel finite and above 0.

    Returns:
        (H, W) bool, one pixel wide.
    """
    log_depth = np.log(np.asarray(depth, dtype=np.float64))
    size = 2 * int(4 * GAUSSIAN_SIGMA_PX) + 1
    smooth = cv2.GaussianBlur(log_depth, (size, size), GAUSSIAN_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    along_x, along_y = (
        np.clip(
            np.rint(cv2.Sobel(smooth, cv2.CV_64F, *order, ksize=3, borderType=cv2.BORDER_REPLICATE) * SOBEL_SCALE),
            -32767,
            32767,
        ).astype(np.int16)
        for order in ((1, 0), (0, 1))
    )
    return cv2.Canny(along_x, along_y, CANNY_LOW * SOBEL_SCALE, CANNY_HIGH * SOBEL_SCALE, L2gradient=True) > 0


def fill_unknown(depth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give each pixel that is not `known` the depth of the nearest one that is; both (H, W), at least one known."""
    if known.all():
        return depth
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.empty(labels.max() + 1, dtype=depth.dtype)
    by_label[labels[known]] = depth[known]
    return by_label[labels]


def boundary_metrics(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    min_depth: float = MIN_DEPTH_M,
    max_depth: float = MAX_DEPTH_M,
) -> dict[str, float]:
    """Precision, recall and F1 of depth edges.

    Canny edges (sigma 1, thresholds CANNY_LOW and CANNY_HIGH on the Sobel response of log depth) of both maps are
    dilated by a 5×5 square and compared on valid ground truth. The prediction is resized and clamped as
    in `depth_metrics`. Sky (infinity) stands at `max_depth`, since a roof against the sky is an edge. Where the ground
    truth is unknown both maps take their nearest known pixel's depth, so that a gap is an edge in neither. Meant for
    dense ground truth: between the points of a LiDAR frame there is little left to compare.

    Args:
        prediction: (h, w) depth in metres.
        target: (H, W) ground truth in metres; 0 and NaN are unknown, infinity is sky.
        min_depth: near end of the range in metres.
        max_depth: far end of the range in metres.

    Returns:
        precision, recall, f1 in [0, 1]. Where neither map has an edge all three are 1; where only one has, 0.

    Raises:
        DataError: if an array is not (H, W) or no target pixel is valid.
    """
    target = depth_map(target, "target")
    valid = valid_pixels(target, min_depth, max_depth)
    estimate = prepare_prediction(prediction, target.shape, min_depth, max_depth)
    known = ~np.isnan(target) & (target > 0)
    found = _dilate(log_depth_edges(fill_unknown(estimate, known))) & valid
    true = _dilate(log_depth_edges(np.clip(fill_unknown(target, known), min_depth, max_depth))) & valid
    if not found.any() and not true.any():
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    both = np.count_nonzero(found & true)
    precision = both / max(np.count_nonzero(found), 1)
    recall = both / max(np.count_nonzero(true), 1)
    f1 = 2 * precision * recall / (precision + recall) if both else 0.0
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _dilate(edges: np.ndarray) -> np.ndarray:
    return cv2.dilate(edges.astype(np.uint8), np.ones((DILATION_PX, DILATION_PX), np.uint8)) > 0
