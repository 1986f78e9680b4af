# SPDX-License-Identifier: Apache-2.0
"""Cost of a frame with each system: parameters, arithmetic, time and memory, each in its own process."""

import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

from prv2_ros.bench.measure import peak_memory_mib, reset_peak_memory, synchronise
from prv2_ros.bench.methods import METHODS, Method, count, on_meta
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.device import PRECISIONS, resolve_device, resolve_precision
from prv2_ros.engine.guided_filter import guided_filter
from prv2_ros.model.layers import resize
from prv2_ros.tiling import PatchRefiner, count_tiles
from prv2_ros.tiling.grid import regular_boxes

GRID = (4, 4)
TILE = 5  # an inner tile of the grid
LONG_MS = 5000.0


@dataclass(frozen=True)
class CostPlan:
    """How costs are measured.

    Attributes:
        size: (height, width) of the frame.
        device, precision: as for the engine.
        whole: measure whole frames; otherwise the coarse stage and one tile, times the number of tiles.
        repeats: measurements after the first, for the median.
        tile_batch: batch size in whole frames.
    """

    size: tuple[int, int] = (2160, 3840)
    device: str = "cpu"
    precision: str = "fp32"
    whole: bool = False
    repeats: int = 2
    tile_batch: int = 4


@dataclass(frozen=True)
class Cost:
    """Cost of one system in `METHODS` for a frame; `parameters` excludes the coarse branch.

    `peak_mib` is memory of the device (on a CPU of the process), weights included.
    """

    key: str
    parameters: int
    coarse_parameters: int
    gflop: float
    ms: float
    peak_mib: float


def measure_costs(keys: list[str], plan: CostPlan, progress: Callable[[str], None]) -> list[Cost]:
    """Measure the systems one after the other, each in a new process with memory of its own."""
    costs = []
    for key in keys:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            cost = pool.submit(measure_cost, key, plan, torch.get_num_threads()).result()
        progress(f"{METHODS[key].title}: {cost.gflop:,.0f} GFLOP, {cost.ms:,.0f} ms, {cost.peak_mib:,.0f} MiB")
        costs.append(cost)
    return costs


def measure_cost(key: str, plan: CostPlan, threads: int) -> Cost:
    """Measure one system in this process."""
    torch.set_num_threads(threads)
    method = METHODS[key]
    counted = on_meta(method)
    gflop = count_gflop(counted, method)
    coarse, refiner = (counted.coarse, counted.refiner) if method.variant else (counted, None)
    ms, peak = _time(method, plan)
    return Cost(key, count(refiner), count(coarse), round(gflop, 1), round(ms, 1), round(peak, 1))


@torch.no_grad()
def count_gflop(model: torch.nn.Module, method: Method) -> float:
    """GFLOP of a frame, counted on meta tensors: the coarse stage, and a tile times the number of tiles."""
    from torch.utils.flop_counter import FlopCounterMode

    frame = torch.zeros(1, 3, *method.process_size, device=next(model.parameters()).device)
    with FlopCounterMode(display=False) as once:
        if method.variant is None:
            model(frame)
        else:
            maps = model.coarse_maps(frame, (1, 1))
    if method.variant is None:
        return once.get_total_flops() / 1e9
    boxes = regular_boxes((1, 1))
    with FlopCounterMode(display=False) as tile:
        model.refine(frame, maps, boxes)
    return (once.get_total_flops() + count_tiles(method.mode, GRID) * tile.get_total_flops()) / 1e9


def _time(method: Method, plan: CostPlan) -> tuple[float, float]:
    """Milliseconds of a frame, and the peak memory."""
    torch.manual_seed(0)
    device = resolve_device(plan.device)
    rgb = random_frame(*plan.size)
    with torch.device(device):
        model = method.build().to(memory_format=torch.channels_last)
    frame = (torch.from_numpy(rgb).to(device).permute(2, 0, 1)[None].float() / 255).contiguous(
        memory_format=torch.channels_last
    )
    precision = resolve_precision(plan.precision, device)
    autocast = torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "fp32")
    reset_peak_memory(device)
    with torch.inference_mode(), autocast:
        if method.variant is None:
            ms, _ = _median_ms(lambda: _coarse_depth(model, method, frame, rgb), device, plan.repeats)
        else:
            ms = _refined_ms(model, method, frame, plan)
    memory = peak_memory_mib(device)
    return ms, memory.get("cuda_allocated", memory["resident"])


def _coarse_depth(model: torch.nn.Module, method: Method, frame: torch.Tensor, rgb: Any) -> Any:
    depth, *_ = model(resize(frame, method.process_size))
    depth = F.interpolate(depth.float(), size=rgb.shape[:2], mode="bilinear", align_corners=False)
    return guided_filter(depth[0, 0].cpu().numpy(), rgb) if method.guided else depth


def _refined_ms(model: PatchRefiner, method: Method, frame: torch.Tensor, plan: CostPlan) -> float:
    if plan.whole:
        model.tile_batch = plan.tile_batch
        return _median_ms(lambda: model(frame, method.mode, grid=GRID), frame.device, plan.repeats)[0]
    once, maps = _median_ms(lambda: model.coarse_maps(frame, GRID), frame.device, plan.repeats)
    box = regular_boxes(GRID)[TILE]
    tile, _ = _median_ms(lambda: model.refine(frame, maps, [box]), frame.device, plan.repeats)
    return once + count_tiles(method.mode, GRID) * tile


def _median_ms(call: Callable[[], Any], device: torch.device, repeats: int) -> tuple[float, Any]:
    """Median of the calls after the first, which counts only if it is long compared with any set-up."""
    clock = _clock(device)
    samples: list[float] = []
    for repeat in range(repeats + 1):
        start = clock()
        answer = call()
        synchronise(device)
        ms = (clock() - start) * 1e3
        if repeat or ms > LONG_MS:
            samples.append(ms)
        if len(samples) == repeats:
            break
    return median(samples), answer


def _clock(device: torch.device) -> Callable[[], float]:
    """CPU time for a single thread, so that other load does not matter; otherwise wall time."""
    return time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def setting(plan: CostPlan) -> dict[str, Any]:
    """Machine and settings of the measurement."""
    device = resolve_device(plan.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    return {
        "device": name,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": resolve_precision(plan.precision, device),
        "size": list(plan.size),
        "whole_frames": plan.whole,
        "clock": "CPU time" if _clock(device) is time.process_time else "time",
        "torch": torch.__version__,
    }
