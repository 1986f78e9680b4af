# SPDX-License-Identifier: Apache-2.0
"""The loop over a data set: coarse branch and refined depth, side by side, frame by frame."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from prv2_ros.errors import DataError
from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.evaluation.maps import MAX_DEPTH_M, MIN_DEPTH_M
from prv2_ros.evaluation.metrics import depth_metrics
from prv2_ros.evaluation.report import BudgetedResult, EvaluationReport, FrameResult

logger = logging.getLogger(__name__)

# The soft edge error needs a stereo camera to say what a jump of 1 px is. With this baseline the sides of a robot's
# surroundings (ground under 0.3 m, walls beside 0.3 m) still slope by less than that.
BASELINE_M = 0.2
DENSE_SHARE = 0.5


class Timed(Protocol):
    """What an engine says about the time it took and the tiles it refined."""

    total_ms: float
    tiles: int
    tiles_total: int


class Engine(Protocol):
    """What is measured; `prv2_ros.engine.DepthEngine` is one."""

    def __call__(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> tuple[np.ndarray, Timed]: ...

    def coarse(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> np.ndarray: ...


class GroundTruth(Protocol):
    """One frame with depth; `prv2_ros.data.Sample` is one."""

    @property
    def rgb(self) -> np.ndarray: ...

    @property
    def depth_m(self) -> np.ndarray: ...

    @property
    def focal_px(self) -> tuple[float, float]: ...

    @property
    def name(self) -> str: ...


Consistency = Callable[[np.ndarray, tuple[float, float]], float]
Budgeted = Callable[[np.ndarray, tuple[float, float], float], tuple[np.ndarray, Timed]]


def evaluate(
    engine: Engine,
    samples: Iterable[GroundTruth],
    *,
    min_depth: float = MIN_DEPTH_M,
    max_depth: float = MAX_DEPTH_M,
    baseline_m: float = BASELINE_M,
    consistency: Consistency | None = None,
    budgeted: Budgeted | None = None,
    settings: dict[str, object] | None = None,
    progress: Callable[[FrameResult], None] = lambda frame: None,
) -> EvaluationReport:
    """Measure an engine on frames with ground truth.

    Boundary metrics and the soft edge error are measured where at least half of the pixels have a value (sky
    counts as one): the gaps of a LiDAR frame have no edges. A frame without valid ground truth is left out and named.

    Args:
        engine: gives refined depth by a call and the coarse branch's depth by `coarse`.
        samples: frames; depth 0 or NaN is not measured, infinity is sky.
        min_depth: near end of the range in metres.
        max_depth: far end of the range in metres.
        baseline_m: of the stereo camera whose disparity jumps mark the edges of the soft edge error;
            disparity is baseline·fx/depth in pixels of the ground truth.
        consistency: gives a frame's tile-consistency error in metres from (rgb, focal_px); None leaves it out.
        budgeted: gives depth and timing within a budget from (rgb, focal_px, milliseconds of the full refinement);
            None leaves it out.
        settings: kept in the report as they are.
        progress: called after each frame.

    Returns:
        The report.

    Raises:
        DataError: if no frame has valid ground truth.
    """
    report = EvaluationReport({**(settings or {}), "range_m": [min_depth, max_depth], "baseline_m": baseline_m})
    for sample in samples:
        depth_range = {"min_depth": min_depth, "max_depth": max_depth}
        truth = np.asarray(sample.depth_m)
        if not (np.isfinite(truth) & (truth >= min_depth) & (truth <= max_depth)).any():
            logger.warning("%s has no valid ground truth and is left out", sample.name)
            report.skipped.append(sample.name)
            continue
        refined, timing = engine(sample.rgb, sample.focal_px)
        coarse = engine.coarse(sample.rgb, sample.focal_px)
        disparity = baseline_m * sample.focal_px[0] / known_depth(truth) if is_dense(truth) else None
        before, after = (_measure(depth, truth, disparity, depth_range) for depth in (coarse, refined))
        if consistency is not None:
            after["consistency"] = consistency(sample.rgb, sample.focal_px)
        within = None
        if budgeted is not None:
            depth, spent = budgeted(sample.rgb, sample.focal_px, timing.total_ms)
            metrics = _measure(depth, truth, disparity, depth_range)
            within = BudgetedResult(metrics, float(spent.total_ms), spent.tiles, spent.tiles_total)
        report.frames.append(FrameResult(sample.name, before, after, float(timing.total_ms), within))
        progress(report.frames[-1])
    if not report.frames:
        raise DataError(
            f"none of {len(report.skipped)} frames has ground truth from {min_depth:g} to {max_depth:g} m; "
            "check the data set, its split and the range"
        )
    return report


def known_depth(depth_m: np.ndarray) -> np.ndarray:
    """Depth with NaN where it is unknown (0, negative or NaN); sky stays infinite, its disparity is 0."""
    return np.where(depth_m > 0, depth_m, np.nan)


def is_dense(depth_m: np.ndarray) -> bool:
    """Whether at least half of the pixels have depth or are sky."""
    return bool(np.mean(depth_m > 0) >= DENSE_SHARE)


def _measure(
    prediction: np.ndarray, truth: np.ndarray, disparity: np.ndarray | None, depth_range: dict[str, float]
) -> dict[str, float]:
    metrics = depth_metrics(prediction, truth, disparity=disparity, **depth_range)
    if disparity is not None:
        metrics |= boundary_metrics(prediction, truth, **depth_range)
    return metrics
