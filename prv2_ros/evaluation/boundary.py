# SPDX-License-Identifier: Apache-2.0
"""Precision, recall and F1 of depth edges (PatchRefiner V2, evaluation section)."""

import cv2
import numpy as np

from prv2_ros.evaluation.edges import fill_unknown, log_depth_edges
from prv2_ros.evaluation.maps import MAX_DEPTH_M, MIN_DEPTH_M, depth_map, prepare_prediction, valid_pixels

DILATION_PX = 5


def boundary_metrics(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    min_depth: float = MIN_DEPTH_M,
    max_depth: float = MAX_DEPTH_M,
) -> dict[str, float]:
    """Precision, recall and F1 of depth edges.

    Canny edges (sigma 1, thresholds in `evaluation.edges`) of both maps are
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
    both = int(np.count_nonzero(found & true))
    precision = both / max(int(np.count_nonzero(found)), 1)
    recall = both / max(int(np.count_nonzero(true)), 1)
    f1 = 2 * precision * recall / (precision + recall) if both else 0.0
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _dilate(edges: np.ndarray) -> np.ndarray:
    return cv2.dilate(edges.astype(np.uint8), np.ones((DILATION_PX, DILATION_PX), np.uint8)) > 0
