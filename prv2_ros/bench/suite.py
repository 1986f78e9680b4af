# SPDX-License-Identifier: Apache-2.0
"""Every variant, size and acceleration on one device against the naive path, in one table and a limited time."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import torch

from prv2_ros.bench.arithmetic import Arithmetic, convolution_peak, count_arithmetic, synchronise
from prv2_ros.bench.measure import peak_memory_mib, reset_peak_memory
from prv2_ros.bench.naive import NaiveEngine
from prv2_ros.bench.profile import profile_operators
from prv2_ros.bench.subject import PROCESS_SIZE, random_engine, random_frame
from prv2_ros.engine.device import PRECISIONS, resolve_device
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling import choose_grid, count_tiles

COLUMNS = ("variant", "size", "way", "ms", "tiles", "coarse", "beside", "naive", "times", "MiB", "of peak", "first s")
WIDTHS = (8, 10, 22, 8, 8, 7, 7, 8, 6, 7, 8, 8)
NAIVE = "naive"
# A naive frame of 8K takes seconds, and a median of few is enough for a ratio.
_NAIVE_FRAMES = 2


@dataclass(frozen=True)
class SuitePlan:
    """What is measured.

    Attributes:
        device: see `resolve_device`.
        precision: of the engine; the naive path is float32, with torch's default of TF32 where there is one.
        sizes: (height, width) of the frames.
        variants: of the refiner, with random weights.
        ways: accelerations.
        frames: measured for each row, after one that is not.
        seconds: no row is begun later.
        process_size: of a tile.
    """

    device: str = "auto"
    precision: str = "auto"
    sizes: tuple[tuple[int, int], ...] = ((2160, 3840), (1080, 1920), (4320, 7680))
    variants: tuple[str, ...] = ("prv2m", "prv2s", "prv2e", "prv2c")
    ways: tuple[str, ...] = ("graphs", "compile-graphs", "compile", "none")
    frames: int = 5
    seconds: float = 150.0
    process_size: tuple[int, int] = PROCESS_SIZE


@dataclass
class _Suite:
    plan: SuitePlan
    say: Callable[[str], None]
    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    naive_ms: dict[tuple[str, tuple[int, int]], float] = field(default_factory=dict)
    arithmetic: dict[str, Arithmetic] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    @property
    def over(self) -> bool:
        return time.perf_counter() - self.began > self.plan.seconds


def run_suite(plan: SuitePlan, say: Callable[[str], None], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Measure row by row, what matters most first.

    Args:
        plan: what is measured.
        say: called with each line of the table as soon as there is one.
        keep: called with the whole result after each row, so that a run that is cut off leaves what it measured.

    Returns:
        rows, rows that were left out or failed, the operators of the fastest way, and the machine.
    """
    suite = _Suite(plan, say)
    device = resolve_device(plan.device)
    result = {"device": str(device), "machine": _name(device), "torch": torch.__version__, "rows": suite.rows}
    result |= {"skipped": suite.skipped, "profiles": {}}
    say(f"{result['machine']}, torch {result['torch']}, at most {plan.seconds:g} s")
    say(_line(COLUMNS))
    for variant, way, sizes in _order(plan):
        _measure(suite, device, variant, way, sizes, result, keep)
    for text in suite.skipped:
        say(f"left out: {text}")
    keep(result)
    return result


def _order(plan: SuitePlan) -> Iterator[tuple[str, str, tuple[tuple[int, int], ...]]]:
    """Variant, way and sizes of one engine after the other."""
    quick = [way for way in plan.ways if not way.startswith("compile")][:1]
    for variant in plan.variants[:2]:
        for way in (NAIVE, *quick):
            yield variant, way, plan.sizes[:1]
    # Compiling takes a minute each, and is what may be fastest.
    for variant in plan.variants[:2]:
        for way in plan.ways:
            if way not in quick:
                yield variant, way, plan.sizes[:1]
    for sizes, variants in ((plan.sizes[:1], plan.variants[2:]), (plan.sizes[1:], plan.variants)):
        for variant in variants if sizes else ():
            for way in (NAIVE, *quick):
                yield variant, way, sizes


def _measure(
    suite: _Suite,
    device: torch.device,
    variant: str,
    way: str,
    sizes: tuple[tuple[int, int], ...],
    result: dict[str, Any],
    keep: Callable[[dict[str, Any]], None],
) -> None:
    names = ", ".join(f"{width}x{height}" for height, width in sizes)
    if suite.over:
        suite.skipped.append(f"{variant} {names} {way}: no time left")
        return
    plan, engine = suite.plan, None
    try:
        engine = random_engine(
            variant,
            device=str(device),
            precision="fp32" if way == NAIVE else plan.precision,
            acceleration="none" if way == NAIVE else way,
            process_size=plan.process_size,
        )
        if variant not in suite.arithmetic:
            suite.arithmetic[variant] = count_arithmetic(engine.model)
        for size in sizes:
            row = _row(suite, engine, variant, way, size)
            suite.rows.append(row)
            suite.say(_line([_cell(row[name]) for name in COLUMNS]))
            keep(result)
        if device.type == "cuda" and way != NAIVE and sizes == plan.sizes[:1] and not suite.over:
            rgb = random_frame(*sizes[0])
            result["profiles"][f"{variant} {way}"] = profile_operators(partial(engine, rgb), device, top=25)
    except Exception as error:  # noqa: BLE001 - one row that fails must not take the others with it
        text = f"{variant} {names} {way}: {type(error).__name__}: {str(error)[:300]}"
        suite.skipped.append(text)
        suite.say(f"failed: {text}")
    finally:
        if engine is not None:
            engine.close()
        engine = None
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _row(suite: _Suite, engine: DepthEngine, variant: str, way: str, size: tuple[int, int]) -> dict[str, Any]:
    device, rgb = engine.device, random_frame(*size)
    tiles = count_tiles(engine.mode, choose_grid(*size))
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"variant": variant, "size": f"{size[1]}x{size[0]}", "way": f"{way} {engine.precision}"}
    reset_peak_memory(device)
    if way == NAIVE:
        naive = NaiveEngine(engine)
        naive(rgb)
        times = [_timed(lambda: naive(rgb), device) for _ in range(_NAIVE_FRAMES)]
        row["ms"] = suite.naive_ms[variant, size] = median(times)
    else:
        row["first s"] = _timed(lambda: engine(rgb), device) / 1e3
        engine(rgb)
        reset_peak_memory(device)
        timings = [engine(rgb)[1].as_dict() for _ in range(suite.plan.frames)]
        stages = {name: median(t[f"{name}_ms"] for t in timings) for name in ("total", "tiles", "coarse", "assemble")}
        stages |= {name: median(t[f"{name}_ms"] for t in timings) for name in ("upload", "download")}
        row |= {"ms": stages["total"], "tiles": stages["tiles"], "coarse": stages["coarse"], "stages_ms": stages}
        row["beside"] = stages["total"] - stages["tiles"] - stages["coarse"]
        if (naive_ms := suite.naive_ms.get((variant, size))) is not None:
            row |= {"naive": naive_ms, "times": naive_ms / stages["total"]}
        counts = suite.arithmetic[variant]
        gflop = counts.coarse + tiles * counts.tile
        row["of peak"] = gflop / stages["total"] * 1e3 / _peak(suite, device, engine.precision)
    memory = peak_memory_mib(device)
    row["MiB"] = memory.get("cuda_allocated", memory["resident"])
    return row


def _peak(suite: _Suite, device: torch.device, precision: str) -> float:
    if precision not in suite.peaks:
        with _fastest(device):
            suite.peaks[precision] = convolution_peak(device, PRECISIONS[precision])
    return suite.peaks[precision]


@contextmanager
def _fastest(device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        yield


def _timed(call: Callable[[], Any], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    call()
    synchronise(device)
    return (time.perf_counter() - start) * 1e3


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        value
        if isinstance(value, str)
        else f"{value:.3g}"
        if isinstance(value, float) and value < 1
        else f"{value:.1f}"
    )


def _line(cells: Any) -> str:
    return " ".join(f"{cell:<{w}}" if i < 3 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(cells, WIDTHS)))
