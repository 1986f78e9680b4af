# SPDX-License-Identifier: Apache-2.0
"""The engine against the naive path: in one process, on the same weights, one repetition of each in turn."""

import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from prv2_ros.bench.arithmetic import synchronise
from prv2_ros.bench.measure import TILE_GRID, OneTile
from prv2_ros.bench.naive import NaiveEngine, RoiAlignedMaps
from prv2_ros.engine.engine import DepthEngine


def compare_naive(engine: DepthEngine, rgb: np.ndarray, *, repeats: int, tile: bool) -> dict[str, Any]:
    """Ratio of the medians, and how far the depths differ; the network's own depth, whose edges nobody sharpens."""
    sharpened, engine.sharpen_edges = engine.sharpen_edges, False
    try:
        return _compare(engine, rgb, repeats=repeats, tile=tile)
    finally:
        engine.sharpen_edges = sharpened


def _compare(engine: DepthEngine, rgb: np.ndarray, *, repeats: int, tile: bool) -> dict[str, Any]:
    naive = NaiveEngine(engine)
    if tile:
        one = OneTile(engine, rgb)
        depth, features = one.coarse
        frame, features = naive.frame(rgb), [feature.contiguous() for feature in features]

        @torch.inference_mode()
        def plain() -> np.ndarray:
            return naive.model.refine(frame, RoiAlignedMaps(depth, features, TILE_GRID), [one.box]).cpu().numpy()

        calls = {"naive": plain, "engine": lambda: one().cpu().numpy()}
    else:
        calls = {"naive": lambda: naive(rgb), "engine": lambda: engine(rgb)[0]}
    samples: dict[str, list[tuple[float, float, int]]] = {name: [] for name in calls}
    depths = {}
    for repeat in range(repeats):
        for name, call in calls.items():
            if tile:
                call()  # a tile is short: the first call shall not count
            elif repeat == 0 and name == "engine":
                call()
            depths[name], *sample = _timed(call, engine.device)
            samples[name].append(tuple(sample))
    difference = np.abs(depths["engine"] - depths["naive"])
    relative = difference / np.maximum(np.abs(depths["naive"]), 1e-3)
    wall, cpu, faults = ({name: median(s[i] for s in samples[name]) for name in calls} for i in range(3))
    return {
        "what": "one tile" if tile else "frame",
        "repeats": repeats,
        "naive_ms": round(wall["naive"], 1),
        "engine_ms": round(wall["engine"], 1),
        "ratio": round(wall["naive"] / wall["engine"], 3),
        "cpu_time_ratio": round(cpu["naive"] / cpu["engine"], 3),
        "page_faults": {name: int(count) for name, count in faults.items()},
        "largest_difference_m": float(difference.max()),
        "largest_relative_difference": float(relative.max()),
        "relative_difference_p99_9": float(np.quantile(relative, 0.999)),
    }


def _timed(call: Callable[[], np.ndarray], device: torch.device) -> tuple[np.ndarray, float, float, int]:
    """Result, wall milliseconds, CPU milliseconds and page faults of a call."""
    synchronise(device)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    synchronise(device)
    wall, cpu = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
    return result, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
