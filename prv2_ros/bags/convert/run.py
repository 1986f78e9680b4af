# SPDX-License-Identifier: Apache-2.0
"""Converts a recording; finished parts of an interrupted run are kept."""

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from prv2_ros.bags.convert.jobs import loaded_engine, run_jobs
from prv2_ros.bags.convert.measured import check_topic
from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.convert.part import part_file
from prv2_ros.bags.convert.part_result import discard_rows, join_times
from prv2_ros.bags.convert.plan import Plan, make_plan
from prv2_ros.bags.metadata import write_metadata
from prv2_ros.bags.reader import BagReader
from prv2_ros.engine.weights import resolve_weights
from prv2_ros.errors import DataError

SETTINGS = "prv2_bag.json"


@dataclass
class ConvertResult:
    """Outcome of a run.

    Attributes:
        frames: Images with depth of this run.
        kept: Images in parts that an earlier run finished.
        depths: Depth images in the finished recording, of all runs.
        refused: Images without depth in this run, by reason.
        notes: Warnings about images of this run and their calibration, with counts.
        skipped, remarks, damage: Of the plan.
        seconds: Time of this run without loading the network.
        engine_share: Share of that time in which the engine worked.
    """

    frames: int = 0
    kept: int = 0
    depths: int = 0
    refused: Counter = field(default_factory=Counter)
    notes: Counter = field(default_factory=Counter)
    skipped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    damage: str | None = None
    seconds: float = 0.0
    engine_share: float = 0.0


def convert(
    bag: Path,
    out: Path,
    options: Options,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ConvertResult:
    """Write `bag` with depth to the folder `out`, or continue an interrupted run.

    The parts are files of the new recording. A file appears under its name only when complete, and metadata.yaml only
    when all files are.

    Args:
        bag, out: The recording, and the folder of the new one.
        options: Options of the conversion.
        workers: Parallel processes; 1 works in this process.
        progress: Called with (images done, images in all).

    Raises:
        DataError: The recording has no usable images, `out` holds something else, or a part cannot be written.
        Prv2Error: The weights cannot be used.
    """
    with BagReader(bag) as reader:
        if options.coarse_topic:
            check_topic(reader, options.coarse_topic)
        plan = make_plan(reader, options)
    result = ConvertResult(skipped=plan.skipped, remarks=plan.remarks, damage=plan.damage)
    if _prepare(bag, out, options, plan):
        result.kept = plan.frames
        result.depths = _depths(out, plan)
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

    jobs = [(bag, out, [part], plan.cameras, plan.infos, options) for part in todo]
    if todo and workers == 1:
        jobs = [(bag, out, todo, plan.cameras, plan.infos, options)]
        loaded_engine(options)
    started, engine_ms, part_seconds = time.perf_counter(), 0.0, 0.0
    for part_result in run_jobs(jobs, workers, one_more):
        result.frames += part_result.frames
        result.refused.update(part_result.refused)
        result.notes.update(part_result.notes)
        engine_ms += sum(times["total_ms"] for _, _, times in part_result.times)
        part_seconds += part_result.seconds
        join_times(out, (part.index for part in plan.parts))
    result.seconds = time.perf_counter() - started
    result.engine_share = engine_ms / 1e3 / part_seconds if part_seconds else 0.0
    join_times(out, (part.index for part in plan.parts))
    write_metadata(out, [part_file(out, part.index) for part in plan.parts])
    discard_rows(out)
    result.depths = _depths(out, plan)
    return result


def _depths(out: Path, plan: Plan) -> int:
    """Number of depth images in a finished recording."""
    made = {next(iter(camera.outputs)) for camera in plan.cameras}
    with BagReader(out) as reader:
        return sum(topic.count for topic in reader.topics if topic.name in made)


def _prepare(bag: Path, out: Path, options: Options, plan: Plan) -> bool:
    """Create the output folder or check that it belongs to the same conversion; true if it is finished."""
    settings = {
        "input": str(bag.name),
        "options": asdict(options),
        "weights": hashlib.sha256(resolve_weights(options.engine.get("weights", "prv2s")).read_bytes()).hexdigest(),
        "calibrations": hashlib.sha256(repr(sorted(plan.infos.items())).encode()).hexdigest(),
        "parts": [asdict(part) for part in plan.parts],
        "damage": plan.damage,
    }
    settings = json.loads(json.dumps(settings, default=str))
    path = out / SETTINGS
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not path.is_file():
            raise DataError(f"{out} exists and is not an output of prv2 bag; choose another folder")
        if json.loads(path.read_text()) != settings:
            raise DataError(f"{out} belongs to another recording or other settings; remove it or choose another folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".tmp")
        part.write_text(json.dumps(settings, indent=1))
        part.replace(path)
    for left in out.glob(".part-*"):
        shutil.rmtree(left)
    finished = (out / "metadata.yaml").is_file()
    if finished:
        discard_rows(out)
    return finished
