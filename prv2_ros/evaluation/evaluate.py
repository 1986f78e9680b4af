# SPDX-License-Identifier: Apache-2.0
"""The loop over a data set: coarse branch and refined depth, frame by frame."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from prv2_ros.errors import DataError
from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.evaluation.metrics import MAX_DEPTH_M, MIN_DEPTH_M, depth_metrics
from prv2_ros.evaluation.report import BudgetedResult, EvaluationReport, FrameResult

if TYPE_CHECKING:
    from prv2_ros.data import Sample
    from prv2_ros.engine import DepthEngine
    from prv2_ros.engine.timing import FrameTiming

logger = logging.getLogger(__name__)

# Baseline of the stereo camera that defines a disparity jump of 1 px for the soft edge error. With it, surfaces close
# to a robot (ground 0.3 m below, walls 0.3 m beside) still change by less than 1 px per pixel.
BASELINE_M = 0.2
DENSE_SHARE = 0.5


class Engine(Protocol):
    """What is measured; `prv2_ros.engine.DepthEngine` is one. The timing has total_ms, tiles and tiles_total."""

    def __call__(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> tuple[np.ndarray, Any]: ...

    def coarse(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> np.ndarray: ...


Consistency = Callable[[np.ndarray, tuple[float, float]], float]
Budgeted = Callable[[np.ndarray, tuple[float, float], float], tuple[np.ndarray, Any]]


class BudgetedEngine:
    """An engine with a budget per call, for `evaluate`. Frames are independent: nothing is carried over.

    Args:
        engine: without a budget of its own.
        tiles: at most so many tiles per frame.
        share: of the full refinement's time, in (0, 1].

    Raises:
        DataError: neither or both are given, or out of range.
    """

    def __init__(self, engine: "DepthEngine", *, tiles: int | None = None, share: float | None = None):
        if (tiles is None) == (share is None):
            raise DataError("a budget is either a number of tiles or a share of the time")
        if (tiles is not None and tiles < 1) or (share is not None and not 0 < share <= 1):
            raise DataError(f"budget of {tiles} tiles, share {share}: at least 1 tile, a share above 0 and up to 1")
        self._engine, self._tiles, self._share = engine, tiles, share

    def __call__(
        self, rgb: np.ndarray, focal_px: tuple[float, float], full_ms: float
    ) -> tuple[np.ndarray, "FrameTiming"]:
        """Depth (H, W) in metres and timing of one image whose full refinement took `full_ms`."""
        budget = self._engine.budget
        budget.forget()
        budget.max_tiles, budget.latency_ms = self._tiles, full_ms * self._share if self._share else None
        try:
            return self._engine(rgb, focal_px)
        finally:
            budget.max_tiles = budget.latency_ms = None


def evaluate(
    engine: Engine,
    samples: "Iterable[Sample]",
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

    Edges are measured where at least half of the pixels have a value (sky included): the gaps of a LiDAR frame have no
    edges. Frames without valid ground truth are skipped and listed in the report.

    Args:
        engine: gives refined depth by a call and the coarse branch's depth by `coarse`.
        samples: frames; depth 0 or NaN is not measured, infinity is sky.
        min_depth, max_depth: range in metres.
        baseline_m: of the stereo camera whose disparity jumps mark the edges of the soft edge error.
        consistency: gives the tile consistency in metres from (rgb, focal_px).
        budgeted: gives depth and timing within a budget from (rgb, focal_px, milliseconds of the full refinement).
        settings: copied to the report.
        progress: called after each frame.

    Raises:
        DataError: no frame has valid ground truth.
    """
    report = EvaluationReport({**(settings or {}), "range_m": [min_depth, max_depth], "baseline_m": baseline_m})
    for sample in samples:
        depth_range = {"min_depth": min_depth, "max_depth": max_depth}
        truth = np.asarray(sample.depth_m)
        if not (np.isfinite(truth) & (truth >= min_depth) & (truth <= max_depth)).any():
            logger.warning("%s has no valid ground truth and is skipped", sample.name)
            report.skipped.append(sample.name)
            continue
        refined, timing = engine(sample.rgb, sample.focal_px)
        coarse = engine.coarse(sample.rgb, sample.focal_px)
        dense = np.mean(truth > 0) >= DENSE_SHARE
        # 0, negative and NaN are unknown; sky has a disparity of 0
        disparity = baseline_m * sample.focal_px[0] / np.where(truth > 0, truth, np.nan) if dense else None
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


def _measure(
    prediction: np.ndarray, truth: np.ndarray, disparity: np.ndarray | None, depth_range: dict[str, float]
) -> dict[str, float]:
    metrics = depth_metrics(prediction, truth, disparity=disparity, **depth_range)
    if disparity is not None:
        metrics |= boundary_metrics(prediction, truth, **depth_range)
    return metrics
