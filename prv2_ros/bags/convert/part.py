# SPDX-License-Identifier: Apache-2.0
"""Converts one part of a recording: reading, computing and writing overlap; the file appears whole or not at all."""

import os
import queue
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from prv2_ros.bags.convert.frame import FrameOptions, decode_image, depth_messages
from prv2_ros.bags.convert.plan import Calibrations, Camera, Part
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.reader import BagReader, Record
from prv2_ros.bags.writer import BagWriter
from prv2_ros.errors import DataError, ImageError

AHEAD = 4

T = TypeVar("T")


@dataclass
class PartResult:
    """What became of a part.

    Attributes:
        index: Which part.
        frames: Images that got depth.
        refused: Images that did not, by reason.
        times: (topic, stamp ns, times in ms) of each frame.
    """

    index: int
    frames: int = 0
    refused: Counter = field(default_factory=Counter)
    times: list[tuple[str, int, dict[str, float]]] = field(default_factory=list)


def part_file(out: Path, index: int) -> Path:
    """The finished file of a part."""
    return out / f"{out.name}_{index}.mcap"


def convert_part(
    bag: Path,
    out: Path,
    part: Part,
    cameras: tuple[Camera, ...],
    engine: Any,
    options: FrameOptions,
    *,
    calibration: Any = None,
    progress: Callable[[], None] = lambda: None,
) -> PartResult:
    """Write the messages of a part, with depth after each image.

    Args:
        bag: The recording.
        out: Folder of the new recording.
        part: Which stretch.
        cameras: Image topics that get depth.
        engine: A DepthEngine.
        options: What is made of a frame.
        calibration: A CameraInfo for every camera instead of the recording's.
        progress: Called after each image.

    Raises:
        DataError: The recording cannot be read or the part cannot be written.
    """
    scratch = out / f".part-{part.index}-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)
    result = PartResult(part.index)
    by_topic = {camera.image: camera for camera in cameras}
    try:
        with BagReader(bag) as reader, BagWriter(scratch) as writer:
            for topic in reader.topics:
                writer.add_topic(
                    topic.name, topic.type, definition=topic.definition, digest=topic.digest, qos=topic.qos
                )
            for camera in cameras:
                for name, kind in camera.outputs.items():
                    writer.add_topic(name, kind)
            known = Calibrations(reader, cameras, calibration)
            with _Writing(writer) as writing:
                for record, message, rgb in ahead(_decoded(reader, part, by_topic), AHEAD):
                    writing.put(record.topic, record.type, record.time_ns, record.data)
                    if message is None:
                        continue
                    _one(record, message, rgb, by_topic[record.topic], known, engine, options, writing, result)
                    progress()
        (file,) = scratch.glob("*.mcap")
        with file.open("rb") as written:
            os.fsync(written.fileno())
        file.replace(part_file(out, part.index))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


def _one(
    record: Record,
    message: Any,
    rgb: Any,
    camera: Camera,
    known: Calibrations,
    engine: Any,
    options: FrameOptions,
    writing: "_Writing",
    result: PartResult,
) -> None:
    if isinstance(rgb, ImageError):
        result.refused[f"{record.topic}: {rgb}"] += 1
        return
    info = known.of(camera, stamp_ns(message))
    try:
        messages, times = depth_messages(engine, rgb, message.header, info, camera, options)
    except ImageError as error:
        result.refused[f"{record.topic}: {error}"] += 1
        return
    for topic, kind, made in messages:
        writing.put(topic, kind, record.time_ns, made)
    result.frames += 1
    result.times.append((record.topic, stamp_ns(message), times))


def _decoded(reader: BagReader, part: Part, by_topic: dict[str, Camera]) -> Iterator[tuple[Record, Any, Any]]:
    """(record, message, RGB array or ImageError) of a part; message and array are None where nothing is computed.

    Of a recording that is cut off, what can be read is all there is; the plan has said so already.
    """
    try:
        for record in reader.messages(start_ns=part.start_ns, stop_ns=part.stop_ns):
            camera = by_topic.get(record.topic)
            if camera is None:
                yield record, None, None
                continue
            message = reader.decode(record)
            try:
                yield record, message, decode_image(camera, message)
            except ImageError as error:
                yield record, message, error
    except DataError:
        if part.stop_ns is not None and not reader.damage:
            raise


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The items, made by a thread that is up to `count` of them ahead."""
    line: queue.Queue = queue.Queue(count)
    end, stop = object(), threading.Event()

    def offer(item: Any) -> None:
        while not stop.is_set():
            try:
                line.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                offer(item)
                if stop.is_set():
                    return
            offer(end)
        except Exception as error:  # noqa: BLE001 - raised where the items are used
            offer(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not end:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


class _Writing:
    """A thread that writes messages in the order in which they are put."""

    def __init__(self, writer: BagWriter):
        self._writer = writer
        self._line: queue.Queue = queue.Queue(8)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def put(self, topic: str, kind: str, time_ns: int, message: Any) -> None:
        """Write this next; raises what an earlier write raised."""
        if self._error:
            raise self._error
        self._line.put((topic, kind, time_ns, message))

    def _run(self) -> None:
        while (item := self._line.get()) is not None:
            if self._error is None:
                try:
                    self._writer.write(*item)
                except Exception as error:  # noqa: BLE001 - raised where messages are put
                    self._error = error

    def __enter__(self) -> "_Writing":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._line.put(None)
        self._thread.join()
        if kind is None and self._error:
            raise self._error
