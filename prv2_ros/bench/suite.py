# SPDX-License-Identifier: Apache-2.0
"""Every variant, size and acceleration on one device against the naive path, in one table and a limited time."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch

from prv2_ros.bench.arithmetic import Arithmetic, convolution_peak, count_arithmetic
from prv2_ros.bench.measure import measure_frames, peak_memory_mib, profile_operators, reset_peak_memory, timed_ms
from prv2_ros.bench.naive import NaiveEngine
from prv2_ros.bench.subject import PROCESS_SIZE, random_engine, random_frame
from prv2_ros.engine.device import PRECISIONS, resolve_device
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling import choose_grid, count_tiles

COLUMNS = ("variant", "size", "way", "ms", "tiles", "coarse", "beside", "naive", "times", "MiB", "of peak", "first s")
WIDTHS = (8, 10, 22, 8, 8, 7, 7, 8, 6, 7, 8, 8)
NAIVE = "naive"
# A naive frame of 8K takes seconds; two are enough for a ratio.
_NAIVE_FRAMES = 2
Size = tuple[int, int]


@dataclass(frozen=True)
class SuitePlan:
    """What to measure.

    Attributes:
        device, precision: of the engine; the naive path is float32, with torch's default of TF32.
        sizes: (height, width) of the frames.
        variants: of the refiner, with random weights.
        ways: accelerations.
        frames: measured for each row, after one that does not count.
        seconds: no row starts later.
        process_size: of a tile.
    """

    device: str = "auto"
    precision: str = "auto"
    sizes: tuple[Size, ...] = ((2160, 3840), (1080, 1920), (4320, 7680))
    variants: tuple[str, ...] = ("prv2m", "prv2s", "prv2e", "prv2c")
    ways: tuple[str, ...] = ("graphs", "compile-graphs", "compile", "none")
    frames: int = 5
    seconds: float = 150.0
    process_size: Size = PROCESS_SIZE


def run_suite(plan: SuitePlan, say: Callable[[str], None], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Measure row by row, the most important first.

    Args:
        plan: what to measure.
        say: called with each line of the table as soon as it is known.
        keep: called with the whole result after each row, so that an interrupted run leaves its rows.

    Returns:
        The rows, those that were skipped or failed, the slowest operators of each way, and the machine.
    """
    device, began = resolve_device(plan.device), time.perf_counter()
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    result: dict[str, Any] = {"device": str(device), "machine": machine, "torch": torch.__version__}
    result |= {"rows": [], "skipped": [], "profiles": {}}
    say(f"{machine}, torch {torch.__version__}, at most {plan.seconds:g} s")
    say(_line(COLUMNS))
    known = _Known()
    for variant, size, way in _order(plan):
        name = f"{variant} {size[1]}x{size[0]} {way}"
        if time.perf_counter() - began > plan.seconds:
            result["skipped"].append(f"{name}: no time left")
            continue
        engine = None
        try:
            engine = random_engine(
                variant,
                device=str(device),
                precision="fp32" if way == NAIVE else plan.precision,
                acceleration="none" if way == NAIVE else way,
                process_size=plan.process_size,
            )
            row = _row(known, engine, variant, way, size, plan.frames)
            result["rows"].append(row)
            say(_line([_cell(row[column]) for column in COLUMNS]))
            keep(result)
            if device.type == "cuda" and way != NAIVE and size == plan.sizes[0]:
                call = partial(engine, random_frame(*size))
                result["profiles"][f"{variant} {way}"] = profile_operators(call, device, top=25)
        except Exception as error:  # noqa: BLE001 - one failing row must not end the others
            result["skipped"].append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            say(f"failed: {result['skipped'][-1]}")
        finally:
            if engine is not None:
                engine.close()
            engine = None
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
    for text in result["skipped"]:
        say(f"skipped: {text}")
    keep(result)
    return result


def _order(plan: SuitePlan) -> Iterator[tuple[str, Size, str]]:
    """Variant, size and way of each row. Compiling takes a minute each, so few rows do it."""
    main, rest = plan.variants[:2], plan.variants[2:]
    quick = [way for way in plan.ways if not way.startswith("compile")][:1]
    slow = [way for way in plan.ways if way not in quick]
    for variants, sizes, ways in (
        (main, plan.sizes[:1], [NAIVE, *quick]),
        (main, plan.sizes[:1], slow),
        (rest, plan.sizes[:1], [NAIVE, *quick]),
        (plan.variants, plan.sizes[1:], [NAIVE, *quick]),
    ):
        yield from ((variant, size, way) for variant in variants for size in sizes for way in ways)


class _Known:
    """What several rows share: naive times, counts of arithmetic, and the device's peak."""

    def __init__(self) -> None:
        self.naive_ms: dict[tuple[str, Size], float] = {}
        self._arithmetic: dict[str, Arithmetic] = {}
        self._peaks: dict[str, float] = {}

    def share_of_peak(self, engine: DepthEngine, tiles: int, ms: float) -> float:
        if engine.variant not in self._arithmetic:
            self._arithmetic[engine.variant] = count_arithmetic(engine.model)
        if engine.precision not in self._peaks:
            on_cuda = engine.device.type == "cuda"
            with torch.backends.cudnn.flags(enabled=True, benchmark=True) if on_cuda else nullcontext():
                self._peaks[engine.precision] = convolution_peak(engine.device, PRECISIONS[engine.precision])
        counts = self._arithmetic[engine.variant]
        return (counts.coarse + tiles * counts.tile) / ms * 1e3 / self._peaks[engine.precision]


def _row(known: _Known, engine: DepthEngine, variant: str, way: str, size: Size, frames: int) -> dict[str, Any]:
    device, rgb = engine.device, random_frame(*size)
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"variant": variant, "size": f"{size[1]}x{size[0]}", "way": f"{way} {engine.precision}"}
    if way == NAIVE:
        naive = NaiveEngine(engine)
        reset_peak_memory(device)
        naive(rgb)
        row["ms"] = known.naive_ms[variant, size] = median(
            timed_ms(lambda: naive(rgb), device) for _ in range(_NAIVE_FRAMES)
        )
        memory = peak_memory_mib(device)
    else:
        times = measure_frames(engine, rgb, frames=frames, warm_up=2)
        stages, memory = {name: p["p50"] for name, p in times["stages_ms"].items()}, times["peak_memory_mib"]
        row |= {"ms": stages["total"], "tiles": stages["tiles"], "coarse": stages["coarse"], "stages_ms": stages}
        row |= {"beside": stages["total"] - stages["tiles"] - stages["coarse"]}
        row["first s"] = times["first_frame_ms"] / 1e3
        if (naive_ms := known.naive_ms.get((variant, size))) is not None:
            row |= {"naive": naive_ms, "times": naive_ms / stages["total"]}
        row["of peak"] = known.share_of_peak(engine, count_tiles(engine.mode, choose_grid(*size)), stages["total"])
    row["MiB"] = memory.get("cuda_allocated", memory["resident"])
    return row


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:.3g}" if value < 1 else f"{value:.1f}"


def _line(cells: Any) -> str:
    return " ".join(f"{cell:<{w}}" if i < 3 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(cells, WIDTHS)))
