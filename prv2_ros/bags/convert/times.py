# SPDX-License-Identifier: Apache-2.0
"""timing.csv beside a converted recording: measured times, which inside it would make every run another recording.

Each part leaves its rows in a file of its own before the part's file appears, so that a run that is killed loses none.
"""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

TIMES = "timing.csv"
_STAGES = ("upload_ms", "coarse_ms", "tiles_ms", "assemble_ms", "total_ms")
# (topic, stamp in ns, times in ms) of each frame.
Times = list[tuple[str, int, dict[str, float]]]


def write_times(out: Path, index: int, times: Times) -> None:
    """Leave the rows of a part, whole or not at all."""
    path = _rows_of(out, index)
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with part.open("w", newline="") as file:
        writer = csv.writer(file)
        for topic, stamp, stages in times:
            writer.writerow([topic, stamp, *(f"{stages[stage]:.3f}" for stage in _STAGES), int(stages["tiles"])])
    part.replace(path)


def join_times(out: Path, indices: Iterable[int]) -> None:
    """Write timing.csv of the parts that are there, in their order."""
    header = ",".join(["topic", "stamp_ns", *_STAGES, "tiles"]) + "\r\n"
    rows = [path.read_bytes().decode() for index in indices if (path := _rows_of(out, index)).exists()]
    part = out / f"{TIMES}.tmp"
    part.write_bytes((header + "".join(rows)).encode())
    part.replace(out / TIMES)


def discard_rows(out: Path) -> None:
    """Remove the files of the parts once timing.csv has all of them."""
    for path in out.glob(".timing-*"):
        path.unlink()


def _rows_of(out: Path, index: int) -> Path:
    return out / f".timing-{index}.csv"
