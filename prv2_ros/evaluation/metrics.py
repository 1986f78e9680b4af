# SPDX-License-Identifier: Apache-2.0
"""Depth accuracy on valid pixels and the soft edge error (PatchRefiner V2, evaluation section)."""

import numpy as np

from prv2_ros.errors import DataError
from prv2_ros.evaluation.maps import MAX_DEPTH_M, MIN_DEPTH_M, depth_map, prepare_prediction, valid_pixels

DISPARITY_JUMP_PX = 1.0


def depth_metrics(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    min_depth: float = MIN_DEPTH_M,
    max_depth: float = MAX_DEPTH_M,
    disparity: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare a metric depth map with its ground truth.

    The prediction is resized bilinearly (align_corners=False) to the ground truth if it has another size, then
    clamped to [min_depth, max_depth]; before that NaN and −inf count as `min_depth`, +inf as `max_depth`.

    Args:
        prediction: (h, w) depth in metres.
        target: (H, W) ground truth in metres; 0, NaN and infinity are not measured, nor is any value outside the range.
        min_depth: near end of the range in metres.
        max_depth: far end of the range in metres.
        disparity: (H, W) ground-truth disparity in pixels; with it `see` is measured too.

    Returns:
        delta1, delta2, delta3 (fractions within a factor of 1.25, 1.25², 1.25³), rel, rmse (m), log10,
        silog (100·standard deviation of the log error), sq_rel (m), and `see` (m) when a disparity is
        given; `see` is NaN where that disparity has no jump.

    Raises:
        DataError: if an array is not (H, W), no target pixel is valid, or the disparity has another shape.
    """
    target = depth_map(target, "target")
    valid = valid_pixels(target, min_depth, max_depth)
    prediction = prepare_prediction(prediction, target.shape, min_depth, max_depth)

    estimate, truth = prediction[valid], target[valid]
    ratio = np.maximum(estimate / truth, truth / estimate)
    error = estimate - truth
    log_error = np.log(estimate) - np.log(truth)
    metrics = {
        "delta1": np.mean(ratio < 1.25),
        "delta2": np.mean(ratio < 1.25**2),
        "delta3": np.mean(ratio < 1.25**3),
        "rel": np.mean(np.abs(error) / truth),
        "rmse": np.sqrt(np.mean(error**2)),
        "log10": np.mean(np.abs(log_error)) / np.log(10.0),
        "silog": 100.0 * np.std(log_error),
        "sq_rel": np.mean(error**2 / truth),
    }
    if disparity is not None:
        disparity = depth_map(disparity, "disparity")
        if disparity.shape != target.shape:
            raise DataError(f"disparity has shape {disparity.shape}, target has {target.shape}")
        metrics["see"] = _soft_edge_error(prediction, target, valid & disparity_jumps(disparity))
    return {name: float(value) for name, value in metrics.items()}


def disparity_jumps(disparity: np.ndarray, threshold_px: float = DISPARITY_JUMP_PX) -> np.ndarray:
    """(H, W) bool: pixels whose disparity differs from that of a 4-neighbour by more than `threshold_px`.

    Both sides of a jump are marked. An unknown (non-finite) disparity makes no jump.
    """
    disparity = np.where(np.isfinite(disparity), disparity, np.nan)
    jumps = np.zeros(disparity.shape, dtype=bool)
    along_x = np.abs(np.diff(disparity, axis=1)) > threshold_px
    along_y = np.abs(np.diff(disparity, axis=0)) > threshold_px
    jumps[:, 1:] |= along_x
    jumps[:, :-1] |= along_x
    jumps[1:, :] |= along_y
    jumps[:-1, :] |= along_y
    return jumps


def _soft_edge_error(prediction: np.ndarray, target: np.ndarray, where: np.ndarray) -> float:
    """Mean over `where` of the smallest |ground truth − prediction| among the 3×3 known ground truths around."""
    if not where.any():
        return float("nan")
    height, width = target.shape
    known = np.where(np.isfinite(target) & (target > 0), target, np.inf)
    padded = np.pad(known, 1, constant_values=np.inf)
    estimate = prediction[where]
    smallest = np.full(estimate.shape, np.inf)
    for down in range(3):
        for right in range(3):
            shifted = padded[down : down + height, right : right + width][where]
            smallest = np.minimum(smallest, np.abs(shifted - estimate))
    return float(smallest.mean())
