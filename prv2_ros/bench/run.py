# SPDX-License-Identifier: Apache-2.0
"""One bench of one engine; the result is a dictionary that JSON can hold."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from prv2_ros.bench.arithmetic import convolution_peak, count_arithmetic
from prv2_ros.bench.measure import measure_frames, profile_operators
from prv2_ros.bench.naive import compare_naive
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling import choose_grid, count_tiles


@dataclass(frozen=True)
class BenchPlan:
    """What to measure: a frame of `size` (height, width), `frames` times after `warm_up` that do not count."""

    size: tuple[int, int] = (2160, 3840)
    frames: int = 10
    warm_up: int = 2
    compare_naive: bool = False
    profile: bool = False


def run_bench(engine: DepthEngine, plan: BenchPlan) -> dict[str, Any]:
    """Setting, times and arithmetic; with the options also the naive path and the slowest operators."""
    height, width = plan.size
    grid = engine.grid or choose_grid(height, width)
    rgb = random_frame(height, width)
    times = measure_frames(engine, rgb, frames=plan.frames, warm_up=plan.warm_up)
    total_ms = times["stages_ms"]["total"]["p50"]
    result: dict[str, Any] = {
        "setting": _setting(engine, f"{width}x{height} {engine.mode} of {grid[0]}x{grid[1]} tiles"),
        "times": times,
        "arithmetic": _arithmetic(engine, count_tiles(engine.mode, grid), total_ms),
    }
    if plan.compare_naive:
        result["naive"] = compare_naive(engine, rgb, repeats=max(1, plan.frames // 2))
    if plan.profile:
        result["profile"] = profile_operators(lambda: engine(rgb), engine.device)
    return result


def _arithmetic(engine: DepthEngine, tiles: int, total_ms: float) -> dict[str, Any]:
    counts = count_arithmetic(engine.model)
    network = counts.coarse + tiles * counts.tile
    peak = convolution_peak(engine.device, PRECISIONS[engine.precision])
    rate = network / total_ms * 1e3
    return {
        "network_gflop": round(network, 2),
        "gflop_per_s": round(rate, 1),
        "peak_gflop_per_s": round(peak, 1),
        "peak_dtype": engine.precision,
        "share_of_peak": round(rate / peak, 4),
    }


def _setting(engine: DepthEngine, what: str) -> dict[str, Any]:
    return {
        "weights": engine.weights_name,
        "variant": engine.variant,
        "what": what,
        "process_size": list(engine.process_size),
        "device": str(engine.device),
        "machine": _machine(engine.device),
        "threads": torch.get_num_threads(),
        "precision": engine.precision,
        "runtime": engine.runtime,
        "mode": engine.mode,
        "torch": torch.__version__,
    }


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
