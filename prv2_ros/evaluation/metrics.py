# SPDX-License-Identifier: Apache-2.0
"""Depth accuracy on valid pixels and the soft edge error (PatchRefiner V2, evaluation section)."""

import cv2
import numpy as np

from prv2_ros.errors import DataError

MIN_DEPTH_M = 1e-3
MAX_DEPTH_M = 80.0
DISPARITY_JUMP_PX = 1.0


def depth_map(array: np.ndarray, name: str) -> np.ndarray:
    """`array` as a float64 (H, W) map; a DataError with `name` where it has another number of axes or no pixels."""
    depth = np.asarray(array, dtype=np.float64)
    if depth.ndim != 2 or depth.size == 0:
        raise DataError(f"{name} has shape {depth.shape}; a depth map is (H, W) with at least one pixel")
    return depth


def prepare_prediction(
    prediction: np.ndarray, shape: tuple[int, int], min_depth: float, max_depth: float
) -> np.ndarray:
    """A prediction for the metrics: resized bilinearly (half-pixel centres, no antialiasing) to `shape`, and clamped.

    Before the resize NaN and −inf become `min_depth` and +inf becomes `max_depth`: a missing value counts as a wrong
    one, so that leaving out pixels never improves a metric.
    """
    depth = np.nan_to_num(depth_map(prediction, "prediction"), nan=min_depth, posinf=max_depth, neginf=min_depth)
    if depth.shape != shape:
        depth = cv2.resize(depth, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(depth, min_depth, max_depth)


def valid_pixels(target: np.ndarray, min_depth: float = MIN_DEPTH_M, max_depth: float = MAX_DEPTH_M) -> np.ndarray:
    """(H, W) bool: finite ground truth in [min_depth, max_depth]; 0, NaN and infinity (sky) are outside.

    Raises:
        DataError: there is no such pixel, or the range is empty.
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


def depth_metrics(
    prediction: np.ndarray,
    target: np.ndarray,
    *,
    min_depth: float = MIN_DEPTH_M,
    max_depth: float = MAX_DEPTH_M,
    disparity: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare a metric depth map with its ground truth.

    Args:
        prediction: (h, w) depth in metres; see `prepare_prediction`.
        target: (H, W) ground truth in metres; 0, NaN, infinity and values outside the range are ignored.
        min_depth, max_depth: range in metres.
        disparity: (H, W) ground-truth disparity in pixels, for `see`.

    Returns:
        delta1, delta2, delta3 (fractions within a factor of 1.25, 1.25², 1.25³), rel, rmse (m), log10,
        silog (100·standard deviation of the log error), sq_rel (m), and `see` (m) with a disparity; `see` is NaN
        where the disparity has no jump.

    Raises:
        DataError: an array is not (H, W), no target pixel is valid, or the disparity has another shape.
    """
    target = depth_map(target, "target")
    valid = valid_pixels(target, min_depth, max_depth)
    prediction = prepare_prediction(prediction, target.shape, min_depth, max_depth)

    estimate, truth = prediction[valid], target[valid]
    ratio = np.maximum(estimate / truth, truth / estimate)
    error = estimate - truth
    log_error = np.log(estimate) - np.log(truth)
    metrics = {f"delta{power}": np.mean(ratio < 1.25**power) for power in (1, 2, 3)} | {
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


def disparity_jumps(disparity: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels on both sides of a step of more than 1 px between 4-neighbours.

    An unknown (non-finite) disparity makes no step.
    """
    disparity = np.where(np.isfinite(disparity), disparity, np.nan)
    jumps = np.zeros(disparity.shape, dtype=bool)
    for view, step in ((jumps, np.diff(disparity, axis=0)), (jumps.T, np.diff(disparity, axis=1).T)):
        large = np.abs(step) > DISPARITY_JUMP_PX
        view[1:] |= large
        view[:-1] |= large
    return jumps


def _soft_edge_error(prediction: np.ndarray, target: np.ndarray, where: np.ndarray) -> float:
    """Mean over `where` of the smallest |ground truth − prediction| among the 3×3 known ground truths around."""
    if not where.any():
        return float("nan")
    height, width = target.shape
    known = np.where(np.isfinite(target) & (target > 0), target, np.inf)
    padded = np.pad(known, 1, constant_values=np.inf)
    shifted = [padded[down : down + height, right : right + width][where] for down in range(3) for right in range(3)]
    return float(np.abs(np.stack(shifted) - prediction[where]).min(axis=0).mean())
