# SPDX-License-Identifier: Apache-2.0
"""Precision, recall and F1 of depth edges (PatchRefiner V2, evaluation section)."""

import cv2
import numpy as np

from prv2_ros.evaluation.edges import fill_unknown, log_depth_edges
from prv2_ros.evaluation.metrics import MAX_DEPTH_M, MIN_DEPTH_M, depth_map, prepare_prediction, valid_pixels

DILATION_PX = 5


def boundary_metrics(
    prediction: np.ndarray, target: np.ndarray, *, min_depth: float = MIN_DEPTH_M, max_depth: float = MAX_DEPTH_M
) -> dict[str, float]:
    """Precision, recall and F1 of depth edges, in [0, 1]; arguments and errors as `depth_metrics`.

    The Canny edges of both maps (`log_depth_edges`) are dilated by a 5×5 square and compared on valid ground truth.
    Sky (infinity) counts as `max_depth`, since a roof against the sky is an edge. Where the ground truth is unknown
    both maps take the depth of the nearest known pixel, so that a gap adds no edge. Sparse ground truth (LiDAR) leaves
    too few pixels to compare. Where neither map has an edge all three are 1; where only one has, 0.
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
