# SPDX-License-Identifier: Apache-2.0
"""Times of one engine: stages and percentiles, peak memory, and one tile by itself."""

import contextlib
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prv2_ros.bench.arithmetic import synchronise
from prv2_ros.engine.device import running_on
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling.grid import Box, regular_boxes
from prv2_ros.tiling.roi import CoarseMaps

STAGES = ("upload", "coarse", "tiles", "assemble", "download", "total")
TILE_GRID = (4, 4)


def percentiles(samples_ms: list[float]) -> dict[str, float]:
    """p50, p90, p99 of milliseconds."""
    return {f"p{p}": round(float(np.percentile(samples_ms, p)), 3) for p in (50, 90, 99)}


def measure_frames(engine: DepthEngine, rgb: np.ndarray, *, frames: int, warm_up: int) -> dict[str, Any]:
    """Stage times of so many frames after so many that do not count, and the peak of memory."""
    first_ms = engine(rgb)[1].total_ms
    for _ in range(warm_up - 1):
        engine(rgb)
    reset_peak_memory(engine.device)
    samples: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(frames):
        timing = engine(rgb)[1].as_dict()
        for stage in STAGES:
            samples[stage].append(timing[f"{stage}_ms"])
    return {
        "stages_ms": {stage: percentiles(values) for stage, values in samples.items()},
        "first_frame_ms": round(first_ms, 1),
        "frames": frames,
        "peak_memory_mib": peak_memory_mib(engine.device),
    }


class OneTile:
    """The refiner on one tile of the frame's 4x4 grid; coarse maps are there already, their resampling counts.

    Args:
        engine: whose refiner is run.
        rgb: (H, W, 3) uint8.
    """

    def __init__(self, engine: DepthEngine, rgb: np.ndarray):
        self._engine = engine
        self.frame = (torch.from_numpy(rgb).to(engine.device).permute(2, 0, 1)[None].float() / 255).contiguous(
            memory_format=torch.channels_last
        )
        self.box: Box = regular_boxes(TILE_GRID)[5]
        with torch.inference_mode(), running_on(engine.device):
            self._maps = engine.model.coarse_maps(self.frame, TILE_GRID)

    @property
    def coarse(self) -> tuple[Tensor, list[Tensor]]:
        """Coarse depth and features of the frame."""
        return self._maps.depth, self._maps.features

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        """Depth (1, h, w), metres, on the device."""
        engine = self._engine
        maps = CoarseMaps(self._maps.depth, self._maps.features, TILE_GRID, keep_sizes=True, inputs=self._maps.inputs)
        with running_on(engine.device), engine.autocast():
            depth = engine.model.refine(self.frame, maps, [self.box])
        synchronise(engine.device)
        return depth


def measure_calls(call: Callable[[], Any], device: torch.device, *, repeats: int, warm_up: int) -> dict[str, Any]:
    """Percentiles of calls, under "total"."""
    for _ in range(warm_up):
        call()
    reset_peak_memory(device)
    samples = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        samples.append((time.perf_counter() - start) * 1e3)
    return {
        "stages_ms": {"total": percentiles(samples)},
        "frames": repeats,
        "peak_memory_mib": peak_memory_mib(device),
    }


def reset_peak_memory(device: torch.device) -> None:
    """Begin a new peak, where the system lets us."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mib(device: torch.device) -> dict[str, float]:
    """Peak resident memory of the process, and what torch took of the device's."""
    resident_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                resident_kib = int(line.split()[1])
    peak = {"resident": round(resident_kib / 1024, 1)}
    if device.type == "cuda":
        peak["cuda_allocated"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return peak
