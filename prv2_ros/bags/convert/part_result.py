# SPDX-License-Identifier: Apache-2.0
"""The outcome of one part of a recording, and timing.csv beside the converted recording.

Measured times differ from run to run, so they stay outside the recording. Each part writes its rows to a file of its
own before the part's file appears, so that a killed run loses none.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TIMES = "timing.csv"
_STAGES = ("upload_ms", "coarse_ms", "tiles_ms", "assemble_ms", "total_ms")
# (topic, stamp in ns, times in ms) of each frame.
Times = list[tuple[str, int, dict[str, float]]]


@dataclass
class PartResult:
    """Outcome of one part; plain data, so that other processes can send it back.

    Attributes:
        index: Number of the part.
        frames: Images with depth.
        refused: Images without depth, by reason.
        notes: Warnings about images and calibrations, with the number of images.
        times: (topic, stamp ns, times in ms) of each frame.
        seconds: Duration, counted from the end of the part before.
    """

    index: int
    frames: int = 0
    refused: Counter = field(default_factory=Counter)
    notes: Counter = field(default_factory=Counter)
    times: Times = field(default_factory=list)
    seconds: float = 0.0


def write_times(out: Path, index: int, times: Times) -> None:
    """Write the rows of a part atomically."""
    path = _rows_of(out, index)
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with part.open("w", newline="") as file:
        writer = csv.writer(file)
        for topic, stamp, stages in times:
            writer.writerow([topic, stamp, *(f"{stages[stage]:.3f}" for stage in _STAGES), int(stages["tiles"])])
    part.replace(path)


def join_times(out: Path, indices: Iterable[int]) -> None:
    """Write timing.csv from the finished parts, in order."""
    header = ",".join(["topic", "stamp_ns", *_STAGES, "tiles"]) + "\r\n"
    rows = [path.read_bytes().decode() for index in indices if (path := _rows_of(out, index)).exists()]
    part = out / f"{TIMES}.tmp"
    part.write_bytes((header + "".join(rows)).encode())
    part.replace(out / TIMES)


def discard_rows(out: Path) -> None:
    """Remove the rows of the parts once timing.csv has them all."""
    for path in out.glob(".timing-*"):
        path.unlink()


def _rows_of(out: Path, index: int) -> Path:
    return out / f".timing-{index}.csv"
