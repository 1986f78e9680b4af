# SPDX-License-Identifier: Apache-2.0
"""One bench from beginning to end; gives a dictionary that JSON can hold."""

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from prv2_ros.bench.arithmetic import convolution_peak, count_arithmetic
from prv2_ros.bench.compare import compare_naive
from prv2_ros.bench.growth import measure_growth
from prv2_ros.bench.measure import OneTile, measure_calls, measure_frames
from prv2_ros.bench.profile import profile_operators
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling import choose_grid, count_tiles


@dataclass(frozen=True)
class BenchPlan:
    """What to measure.

    Attributes:
        size: (height, width) of the frame.
        frames: how many count, after `warm_up` that do not.
        tile: one tile instead of whole frames.
        compare_naive: whether to run the naive path too.
        profile: whether to list the operators.
        sizes, cameras: of the table of growth; it replaces the rest where `sizes` is not empty.
    """

    size: tuple[int, int] = (2160, 3840)
    frames: int = 10
    warm_up: int = 2
    tile: bool = False
    compare_naive: bool = False
    profile: bool = False
    sizes: list[tuple[int, int]] = field(default_factory=list)
    cameras: list[int] = field(default_factory=lambda: [1])


def run_bench(engine: DepthEngine, plan: BenchPlan) -> dict[str, Any]:
    """Measure and return: setting, times, arithmetic, and what else was asked for."""
    height, width = plan.size
    grid = engine.grid or choose_grid(height, width)
    what = "one tile of a 4x4 grid" if plan.tile else f"{width}x{height} {engine.mode} of {grid[0]}x{grid[1]} tiles"
    result: dict[str, Any] = {"setting": _setting(engine, "growth" if plan.sizes else what)}
    if plan.sizes:
        result["growth"] = measure_growth(engine, plan.sizes, plan.cameras, repeats=plan.frames)
        return result
    rgb = random_frame(height, width)
    call = OneTile(engine, rgb) if plan.tile else lambda: engine(rgb)
    if plan.tile:
        result["times"] = measure_calls(call, engine.device, repeats=plan.frames, warm_up=plan.warm_up)
    else:
        result["times"] = measure_frames(engine, rgb, frames=plan.frames, warm_up=plan.warm_up)
    tiles = 1 if plan.tile else count_tiles(engine.mode, grid)
    total_ms = result["times"]["stages_ms"]["total"]["p50"]
    result["arithmetic"] = _arithmetic(engine, tiles, coarse=not plan.tile, total_ms=total_ms)
    if plan.compare_naive:
        result["naive"] = compare_naive(engine, rgb, repeats=max(1, plan.frames // 2), tile=plan.tile)
    if plan.profile:
        result["profile"] = profile_operators(call, engine.device)
    return result


def _arithmetic(engine: DepthEngine, tiles: int, *, coarse: bool, total_ms: float) -> dict[str, Any]:
    counts = count_arithmetic(engine.model)
    once = counts.coarse if coarse else 0.0
    network = once + tiles * counts.tile
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
