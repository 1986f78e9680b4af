# SPDX-License-Identifier: Apache-2.0
"""A whole recording: what is done already is kept, the rest is computed here, in worker processes or on a cluster."""

import csv
import hashlib
import io
import json
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from prv2_ros.bags.convert.finish import write_metadata
from prv2_ros.bags.convert.frame import FrameOptions
from prv2_ros.bags.convert.part import PartResult, convert_part, part_file
from prv2_ros.bags.convert.plan import Part, Plan, make_plan, read_calibration
from prv2_ros.bags.reader import BagReader
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.weights import resolve_weights
from prv2_ros.errors import DataError, Prv2Error

SETTINGS = "prv2_bag.json"
TIMES = "timing.csv"
_STAGES = ("upload_ms", "coarse_ms", "tiles_ms", "assemble_ms", "total_ms")


@dataclass(frozen=True)
class Options:
    """How a recording is converted.

    Attributes:
        weights, device, precision, grid, mode: As for `DepthEngine.load`.
        images: Image topics; None takes every one that holds pictures.
        prefix: What output topics begin with; None is each camera's namespace.
        calibration: Calibration file to use instead of the recording's camera_info.
        threads: CPU threads of the network in each process. Their number decides the order of sums and so the last
            bits of the depth: the same number gives the same recording, however many workers there are.
        frames_a_part: Images in a file of the output; what a crash can cost at most, for each worker.
        frame: What is made of a frame.
    """

    weights: str = "prv2s"
    device: str = "auto"
    precision: str = "auto"
    grid: tuple[int, int] | None = None
    mode: str = "p16"
    images: tuple[str, ...] | None = None
    prefix: str | None = None
    calibration: str | None = None
    threads: int = os.cpu_count() or 1
    frames_a_part: int = 16
    frame: FrameOptions = field(default_factory=FrameOptions)


@dataclass
class ConvertResult:
    """What was done.

    Attributes:
        frames: Images that got depth in this run.
        kept: Images in parts that an earlier run had finished.
        refused: Images without depth in this run, by reason.
        skipped: (topic, why) of image topics that get none.
        damage: None, or why only the first part of the recording could be read.
    """

    frames: int = 0
    kept: int = 0
    refused: Counter = field(default_factory=Counter)
    skipped: tuple[tuple[str, str], ...] = ()
    damage: str | None = None


def convert(
    bag: Path,
    out: Path,
    options: Options,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ConvertResult:
    """Write `bag` with depth to the folder `out`; a run that was killed is gone on with.

    The parts are files of the new recording. One exists under its name only when it is whole, and metadata.yaml
    only when all of them are, so nothing half-written is taken for finished.

    Args:
        bag: A recording.
        out: Folder of the new recording.
        options: How.
        workers: Processes that convert parts side by side; 1 works in this process.
        ray_address: None, or a Ray cluster ("local" starts one) whose workers convert the parts; every machine must
            see both paths.
        progress: Called with (images done, images in all).

    Raises:
        DataError: The recording has no usable images, `out` holds something else, or a part cannot be written.
        Prv2Error: The weights cannot be used, or Ray is missing.
    """
    with BagReader(bag) as reader:
        plan = make_plan(
            reader,
            images=list(options.images) if options.images else None,
            prefix=options.prefix,
            frames_a_part=options.frames_a_part,
        )
    result = ConvertResult(skipped=plan.skipped, damage=plan.damage)
    if _prepare(bag, out, options, plan):
        result.kept = plan.frames
        progress(plan.frames, plan.frames)
        return result
    todo = [part for part in plan.parts if not part_file(out, part.index).exists()]
    result.kept = plan.frames - sum(part.frames for part in todo)
    done = result.kept
    progress(done, plan.frames)

    def one_more() -> None:
        nonlocal done
        done += 1
        progress(done, plan.frames)

    for part_result in _run(bag, out, todo, plan, options, workers, ray_address, one_more):
        result.frames += part_result.frames
        result.refused.update(part_result.refused)
        _append_times(out / TIMES, part_result)
    write_metadata(out, [part_file(out, part.index) for part in plan.parts])
    return result


def _prepare(bag: Path, out: Path, options: Options, plan: Plan) -> bool:
    """Make or take over the output folder; true when it is finished."""
    settings = {
        "input": str(bag.name),
        "options": asdict(options) | {"weights": _digest(resolve_weights(options.weights))},
        "parts": [asdict(part) for part in plan.parts],
        "damage": plan.damage,
    }
    settings = json.loads(json.dumps(settings))
    path = out / SETTINGS
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not path.is_file():
            raise DataError(f"{out} exists and is not an output of prv2 bag; choose another name")
        if json.loads(path.read_text()) != settings:
            raise DataError(
                f"{out} was begun with another recording or other settings; remove it or choose another name"
            )
    else:
        out.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".tmp")
        part.write_text(json.dumps(settings, indent=1))
        part.replace(path)
    for left in out.glob(".part-*"):
        shutil.rmtree(left)
    return (out / "metadata.yaml").is_file()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(
    bag: Path,
    out: Path,
    todo: list[Part],
    plan: Plan,
    options: Options,
    workers: int,
    ray_address: str | None,
    one_more: Callable[[], None],
) -> Iterator[PartResult]:
    if not todo:
        return
    jobs = [(bag, out, part, plan.cameras, options) for part in todo]
    if ray_address is not None:
        from prv2_ros.bags.convert.cluster import run_on_ray

        results = run_on_ray(jobs, ray_address)
    elif workers > 1:
        results = _in_processes(jobs, workers)
    else:
        for job in jobs:
            yield run_job(*job, progress=one_more)
        return
    for result in results:
        for _ in range(result.frames + result.refused.total()):
            one_more()
        yield result


def _in_processes(jobs: list[tuple], workers: int) -> Iterator[PartResult]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        waiting = {pool.submit(run_job, *job) for job in jobs}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_engines: dict[tuple, Any] = {}


def run_job(
    bag: Path,
    out: Path,
    part: Part,
    cameras: tuple,
    options: Options,
    *,
    progress: Callable[[], None] = lambda: None,
) -> PartResult:
    """Convert one part with an engine that this process keeps from part to part."""
    torch.set_num_threads(options.threads)
    key = (options.weights, options.device, options.precision, options.grid, options.mode)
    if key not in _engines:
        _engines.clear()
        try:
            _engines[key] = DepthEngine.load(*key[:3], grid=options.grid, mode=options.mode)
        except ValueError as error:
            raise error if isinstance(error, Prv2Error) else Prv2Error(str(error)) from error
    calibration = read_calibration(Path(options.calibration)) if options.calibration else None
    return convert_part(
        bag, out, part, cameras, _engines[key], options.frame, calibration=calibration, progress=progress
    )


def _append_times(path: Path, result: PartResult) -> None:
    """Measured times go beside the recording: in it they would make every run another recording."""
    text = io.StringIO()
    writer = csv.writer(text)
    if not path.exists():
        writer.writerow(["topic", "stamp_ns", *_STAGES, "tiles"])
    for topic, stamp, times in result.times:
        writer.writerow([topic, stamp, *(f"{times[stage]:.3f}" for stage in _STAGES), int(times["tiles"])])
    with path.open("a") as file:
        file.write(text.getvalue())
