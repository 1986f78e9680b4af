# SPDX-License-Identifier: Apache-2.0
"""Reads a recording: whole ones by their index, cut-off MCAP files as far as they go."""

import sqlite3
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.serde import SerdeError
from rosbags.typesys import TypesysError, get_types_from_msg

from prv2_ros.bags.salvage import MCAP_MAGIC, SalvagedMcap
from prv2_ros.bags.types import typestore
from prv2_ros.errors import DataError

_SUFFIXES = (".mcap", ".db3")


@dataclass(frozen=True)
class Topic:
    """A topic of a recording.

    Attributes:
        name: e.g. "/camera/image".
        type: e.g. "sensor_msgs/msg/Image".
        count: Messages in the recording.
        definition: The type's definition as stored; "" when the recording has none.
        digest: The type's RIHS01 hash as stored; "" when the recording has none.
        qos: Offered QoS profiles, as rosbags' `Qos`.
    """

    name: str
    type: str
    count: int
    definition: str
    digest: str
    qos: tuple


@dataclass(frozen=True)
class Record:
    """One recorded message, still serialised (CDR).

    Attributes:
        topic: Topic name.
        type: Message type.
        time_ns: When it was recorded, nanoseconds.
        data: CDR bytes.
    """

    topic: str
    type: str
    time_ns: int
    data: bytes


class BagReader:
    """A rosbag2 folder, or a bare .mcap or .db3 file.

    Args:
        path: Folder with metadata.yaml (or, after a crash of the recorder, without), or a file.

    Attributes:
        path: As given.
        topics: What the recording holds, one entry a topic and type.
        damage: None, or why only the first part of the recording can be read.
        start_ns: Time of the first message; 0 when there is none.
        end_ns: Time of the last message; 0 when there is none.

    Raises:
        DataError: There is nothing at `path`, or it is no rosbag2 recording.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.damage: str | None = None
        self._readers: list[Reader | SalvagedMcap] = []
        try:
            for part in _parts(self.path):
                self._readers.append(self._open(part))
        except BaseException:
            self.close()
            raise
        self._connections = [(reader, c) for reader in self._readers for c in reader.connections]
        self.topics = _topics([connection for _, connection in self._connections])
        times = [(r.start_time, r.end_time - 1) for r in self._readers if r.message_count]
        self.start_ns = min((start for start, _ in times), default=0)
        self.end_ns = max((end for _, end in times), default=0)

    @property
    def message_count(self) -> int:
        """Messages in the recording, as far as it can be read."""
        return sum(reader.message_count for reader in self._readers)

    def topic(self, name: str) -> Topic:
        """The topic called `name`.

        Raises:
            DataError: The recording has no such topic; the text names those it has.
        """
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise DataError(f"{self.path} has no topic {name}; it has {', '.join(t.name for t in self.topics) or 'none'}")

    def messages(
        self, topics: Collection[str] | None = None, *, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[Record]:
        """Messages in the order of time.

        Args:
            topics: Names of topics; None for all.
            start_ns: Only messages at or after this time.
            stop_ns: Only messages before this time.

        Raises:
            DataError: After the last readable message of a damaged recording.
        """
        for reader in self._readers:
            chosen = [c for owner, c in self._connections if owner is reader and (topics is None or c.topic in topics)]
            if not chosen:
                continue
            try:
                for connection, time_ns, data in reader.messages(chosen, start=start_ns, stop=stop_ns):
                    yield Record(connection.topic, connection.msgtype, time_ns, bytes(data))
            except (ReaderError, sqlite3.Error, struct.error, OSError, EOFError, ValueError) as error:
                raise DataError(f"{self.path} is damaged: {_one_line(error)}") from error
            except Exception as error:
                # apsw, lz4 and zstd raise types of their own on damaged data.
                if type(error).__module__.split(".")[0] not in ("apsw", "lz4", "zstandard", "backports", "compression"):
                    raise
                raise DataError(f"{self.path} is damaged: {_one_line(error)}") from error
        if self.damage:
            raise DataError(self.damage)

    def decode(self, record: Record) -> Any:
        """The message object of a record.

        Raises:
            DataError: Its type is unknown and not defined in the recording, or its bytes do not fit the type.
        """
        store = typestore()
        if record.type not in store.fielddefs:
            self._learn(record.type)
        try:
            return store.deserialize_cdr(record.data, record.type)
        except (SerdeError, TypesysError, KeyError, IndexError, ValueError, AssertionError, struct.error) as error:
            raise DataError(
                f"{self.path}: a message of {record.topic} at {record.time_ns} ns is not a {record.type}: {error}"
            ) from error

    def _learn(self, name: str) -> None:
        definition = next((topic.definition for topic in self.topics if topic.type == name), "")
        try:
            types = get_types_from_msg(definition, name)
            store = typestore()
            store.register({key: value for key, value in types.items() if key not in store.fielddefs})
        except TypesysError as error:
            raise DataError(f"{self.path}: the type {name} is unknown and its definition is unusable") from error

    def _open(self, path: Path) -> "Reader | SalvagedMcap":
        reader = None
        try:
            reader = Reader(path)
            reader.open()
            return reader
        except Exception as error:
            files = sorted(path.glob("*.mcap")) if path.is_dir() else [path]
            if len(files) == 1 and _starts_as_mcap(files[0]):
                salvaged = SalvagedMcap(files[0])
                if salvaged.damage:
                    self.damage = f"{self.path} {salvaged.damage}"
                return salvaged
            raise DataError(f"{self.path} is not a readable rosbag2 recording: {_one_line(error)}") from error

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()
        self._readers = []

    def __enter__(self) -> "BagReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _parts(path: Path) -> list[Path]:
    """What to open: the folder by its metadata.yaml, or files one after the other."""
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.suffix == ".bag" and path.is_file():
        raise DataError(f"{path} is a ROS 1 bag; convert it first: rosbags-convert --src {path} --dst {path.stem}")
    if path.is_dir():
        if (path / "metadata.yaml").is_file():
            return [path]
        files = sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES)
        if not files:
            raise DataError(f"{path} is not a rosbag2 recording: it has no metadata.yaml, .mcap or .db3 file")
        return files
    if path.suffix not in _SUFFIXES:
        raise DataError(f"{path} is not a rosbag2 recording: give its folder, or a .mcap or .db3 file")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")
    return [path]


def _starts_as_mcap(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".mcap" and file.read(len(MCAP_MAGIC)) == MCAP_MAGIC


def _topics(connections: list[Connection]) -> list[Topic]:
    merged: dict[tuple[str, str], Topic] = {}
    for c in connections:
        definition = c.msgdef.data if c.msgdef.format != MessageDefinitionFormat.NONE else ""
        before = merged.get((c.topic, c.msgtype))
        count = c.msgcount + (before.count if before else 0)
        qos = before.qos if before else tuple(getattr(c.ext, "offered_qos_profiles", ()))
        merged[c.topic, c.msgtype] = Topic(c.topic, c.msgtype, count, definition, c.digest, qos)
    return list(merged.values())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
