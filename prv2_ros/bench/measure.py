# SPDX-License-Identifier: Apache-2.0
"""What an engine costs: stage times and percentiles, CPU time, peak memory, and the slowest operators."""

import contextlib
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from prv2_ros.engine.engine import DepthEngine

STAGES = ("upload", "coarse", "tiles", "assemble", "download", "total")


def percentiles(samples_ms: list[float]) -> dict[str, float]:
    """p50, p90 and p99 of milliseconds."""
    return {f"p{p}": round(float(np.percentile(samples_ms, p)), 3) for p in (50, 90, 99)}


def measure_frames(engine: DepthEngine, rgb: np.ndarray, *, frames: int, warm_up: int) -> dict[str, Any]:
    """Stage times, CPU time and peak memory of `frames` frames, after `warm_up` that do not count."""
    first_ms = engine(rgb)[1].total_ms
    for _ in range(warm_up - 1):
        engine(rgb)
    reset_peak_memory(engine.device)
    samples: dict[str, list[float]] = {stage: [] for stage in STAGES}
    cpu = time.process_time()
    for _ in range(frames):
        timing = engine(rgb)[1].as_dict()
        for stage in STAGES:
            samples[stage].append(timing[f"{stage}_ms"])
    return {
        "stages_ms": {stage: percentiles(values) for stage, values in samples.items()},
        "cpu_ms": round((time.process_time() - cpu) / frames * 1e3, 1),
        "first_frame_ms": round(first_ms, 1),
        "frames": frames,
        "peak_memory_mib": peak_memory_mib(engine.device),
    }


def timed_ms(call: Callable[[], Any], device: torch.device) -> float:
    """Milliseconds of a call, the device's work included."""
    synchronise(device)
    start = time.perf_counter()
    call()
    synchronise(device)
    return (time.perf_counter() - start) * 1e3


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak_memory(device: torch.device) -> None:
    """Start a new peak, where the system supports it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mib(device: torch.device) -> dict[str, float]:
    """Peak resident memory of the process, and the device memory that torch allocated."""
    resident_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                resident_kib = int(line.split()[1])
    peak = {"resident": round(resident_kib / 1024, 1)}
    if device.type == "cuda":
        peak["cuda_allocated"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return peak


def profile_operators(call: Callable[[], Any], device: torch.device, *, top: int = 15) -> list[dict[str, Any]]:
    """The slowest operators of a call, each with its own time (without the operators it calls) and its share."""
    kind = "device" if device.type == "cuda" else "cpu"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if kind == "device" else [])]
    with profile(activities=activities, acc_events=True) as record:
        call()
    own = {event: getattr(event, f"self_{kind}_time_total") for event in record.key_averages()}
    total = sum(own.values()) or 1.0
    slowest = sorted(own, key=own.__getitem__, reverse=True)[:top]
    return [
        {"operator": e.key, "calls": e.count, "ms": round(own[e] / 1e3, 2), "share": round(own[e] / total, 4)}
        for e in slowest
    ]
