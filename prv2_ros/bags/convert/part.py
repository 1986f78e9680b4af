# SPDX-License-Identifier: Apache-2.0
"""Converts parts of a recording. Reading, decoding, computing and writing overlap; a file appears when complete."""

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from prv2_ros.bags.convert.calibration import Calibrations, Infos
from prv2_ros.bags.convert.frame import FrameDepth, Picture, compute, depth_messages, prepare
from prv2_ros.bags.convert.measured import MeasuredTopic
from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.convert.part_result import PartResult, write_times
from prv2_ros.bags.convert.plan import Camera, Part
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.reader import BagReader, Record
from prv2_ros.bags.writer import BagWriter
from prv2_ros.errors import DataError, ImageError
from prv2_ros.media.levels import FULL_RANGE, Levels, parse_levels

T = TypeVar("T")
# Groups (an image and the messages before it) that are read ahead, and that wait to be written; 60 MB each at 4K.
AHEAD, BEHIND = 4, 3
# Without images a group ends after so many messages or bytes.
_GROUP_MESSAGES, _GROUP_BYTES = 512, 1 << 25


@dataclass
class _Group:
    """Messages to copy, then at most one image."""

    part: Part
    passed: list[Record] = field(default_factory=list)
    image: Record | None = None
    picture: "Future[Picture] | None" = None
    made: FrameDepth | None = None
    ends: PartResult | None = None


def part_file(out: Path, index: int) -> Path:
    """The finished file of a part."""
    return out / f"{out.name}_{index}.mcap"


def convert_parts(
    bag: Path,
    out: Path,
    parts: list[Part],
    cameras: tuple[Camera, ...],
    infos: Mapping[str, Infos],
    engine: Any,
    options: Options,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[PartResult]:
    """Write the messages of parts, with depth after each image; yields a result when a part's file exists.

    Args:
        bag, out: The recording, and the folder of the new one.
        parts, cameras, infos: Of the plan.
        engine: A DepthEngine.
        options: Options of a frame.
        progress: Called after each image.

    Raises:
        DataError: The recording cannot be read or a part cannot be written.
    """
    by_topic = {camera.image: camera for camera in cameras}
    known = Calibrations(infos, rectify=options.rectify)
    levels = parse_levels(options.intensity_range)
    result = PartResult(-1)
    with ExitStack() as stack:
        reader = stack.enter_context(BagReader(bag))
        measured = None
        if options.coarse_topic:
            again = stack.enter_context(BagReader(bag))
            measured = MeasuredTopic(again, options.coarse_topic, options.coarse_max_age_s)
        files = _Files(out, reader, by_topic, engine)
        stack.callback(files.discard)
        threads = (min(AHEAD, os.cpu_count() or 1), 1, 1)
        decoding, reading, writing = (stack.enter_context(ThreadPoolExecutor(count)) for count in threads)
        written: deque[Future[PartResult | None]] = deque()
        for group in ahead(_groups(reader, parts, by_topic, known, decoding, levels), AHEAD, reading):
            if group.part.index != result.index:
                result = PartResult(group.part.index)
            if group.picture is not None:
                _compute(group, engine, options, result, measured)
                progress()
            if group.ends is not None:
                group.ends = result
            written.append(writing.submit(files.write, group))
            if len(written) > BEHIND and (finished := written.popleft().result()):
                yield finished
        yield from filter(None, (future.result() for future in written))


def ahead(items: Iterator[T], count: int, thread: ThreadPoolExecutor) -> Iterator[T]:
    """The items, which the pool's only thread produces up to `count` items ahead; its errors are raised here."""
    end: Any = object()
    waiting = deque(thread.submit(next, items, end) for _ in range(count))
    while (item := waiting.popleft().result()) is not end:
        waiting.append(thread.submit(next, items, end))
        yield item


def _compute(group: _Group, engine: Any, options: Options, result: PartResult, measured: MeasuredTopic | None) -> None:
    assert group.image is not None and group.picture is not None
    topic = group.image.topic
    try:
        picture = group.picture.result()
        result.notes.update(f"{topic}: {text}" for _, text in picture.model.problems)
        result.notes.update(f"{topic}: {text}" for text in picture.notes)
        depth_m = None if measured is None else measured.of(picture.header)
        group.made = compute(engine, picture, options, depth_m)
    except ImageError as error:
        result.refused[f"{topic}: {error}"] += 1
        return
    result.frames += 1
    result.times.append((topic, stamp_ns(picture), group.made.times))


def _groups(
    reader: BagReader,
    parts: list[Part],
    by_topic: dict[str, Camera],
    known: Calibrations,
    pool: ThreadPoolExecutor,
    levels: Levels = FULL_RANGE,
) -> Iterator[_Group]:
    """The messages of the parts in time order; the pool decodes the images."""
    for part in parts:
        group, size = _Group(part), 0
        for record in _records(reader, part):
            camera = by_topic.get(record.topic)
            if camera is None:
                group.passed.append(record)
                size += len(record.data)
                if len(group.passed) < _GROUP_MESSAGES and size < _GROUP_BYTES:
                    continue
            else:
                group.image = record
                group.picture = pool.submit(_decode, reader, record, camera, known, levels)
            yield group
            group, size = _Group(part), 0
        group.ends = PartResult(part.index)
        yield group


def _decode(reader: BagReader, record: Record, camera: Camera, known: Calibrations, levels: Levels) -> Picture:
    try:
        message = reader.decode(record)
    except DataError as error:
        raise ImageError(str(error)) from error
    return prepare(camera, message, known, levels, arrival=record.time_ns)


def _records(reader: BagReader, part: Part) -> Iterator[Record]:
    """The readable messages of a part; the plan has already reported a truncated recording."""
    try:
        yield from reader.messages(start_ns=part.start_ns, stop_ns=part.stop_ns)
    except DataError:
        if part.stop_ns is not None and not reader.damage:
            raise


class _Files:
    """Writes the files of the parts under temporary names and renames complete ones."""

    def __init__(self, out: Path, reader: BagReader, by_topic: dict[str, Camera], engine: Any):
        self._out, self._by_topic, self._topics, self._extras = out, by_topic, reader.topics, reader.extras()
        self._engine = engine
        self._scratch: Path | None = None
        self._writer: BagWriter | None = None
        self._since = time.perf_counter()
        self._failed = False

    def write(self, group: _Group) -> PartResult | None:
        """Write a group; the last one of a part finishes its file and returns the part's result."""
        if self._failed:  # the error of an earlier group has not been raised yet
            return None
        self._failed = True
        writer = self._writer or self._open(group.part)
        for record in [*group.passed, *([group.image] if group.image else [])]:
            writer.write(record.topic, record.type, record.time_ns, record.data, record.encoding, record.sent_ns)
        if group.image is not None and group.made is not None and group.picture is not None:
            camera = self._by_topic[group.image.topic]
            for made in depth_messages(group.picture.result(), group.made, engine=self._engine, camera=camera):
                writer.write(made[0], made[1], group.image.time_ns, made[2])
        if group.ends is not None:
            self._finish(group.part, group.ends)
        self._failed = False
        return group.ends

    def _open(self, part: Part) -> BagWriter:
        self._scratch = self._out / f".part-{part.index}-{os.getpid()}"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._writer = BagWriter(self._scratch / part_file(self._out, part.index).stem)
        for topic in self._topics:
            self._writer.add_topic_like(topic)
        for camera in self._by_topic.values():
            for name, kind in camera.outputs.items():
                self._writer.add_topic(name, kind)
        for extra in self._extras if part.index == 0 else ():
            self._writer.add_extra(extra)
        return self._writer

    def _finish(self, part: Part, result: PartResult) -> None:
        assert self._writer is not None and self._scratch is not None
        self._writer.close()
        self._writer = None
        (file,) = self._scratch.glob("*/*.mcap")
        with file.open("rb") as written:
            os.fsync(written.fileno())
        # Before the part, so that a finished part always has its times.
        write_times(self._out, part.index, result.times)
        file.replace(part_file(self._out, part.index))
        self.discard()
        now = time.perf_counter()
        result.seconds, self._since = now - self._since, now

    def discard(self) -> None:
        """Remove an incomplete file."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
