# SPDX-License-Identifier: Apache-2.0
"""Reads recordings in every storage format and message encoding; damaged ones up to the damage."""

import sqlite3
import struct
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import TypesysError

from prv2_ros.bags import foreign
from prv2_ros.bags.channel import CDR, TEXT_SCHEMAS, Channel, Extra
from prv2_ros.bags.files import File, decompressed, files_of, open_file
from prv2_ros.bags.types import learn_type, typestore
from prv2_ros.errors import DataError


@dataclass(frozen=True)
class Topic:
    """A topic of a recording.

    Attributes:
        name, type: e.g. "/camera/image" and "sensor_msgs/msg/Image".
        count: Messages in the recording.
        definition: Text of the type's definition, or "".
        digest: RIHS01 hash of the type, or "".
        qos: Offered QoS profiles, as rosbags' `Qos`.
        encoding: Of its messages: "cdr", "json", "protobuf", "ros1" and so on.
        schema_encoding, schema: The definition as stored: "ros2msg", "ros2idl", "jsonschema" and so on, and its bytes.
    """

    name: str
    type: str
    count: int
    definition: str
    digest: str
    qos: tuple
    encoding: str = CDR
    schema_encoding: str = ""
    schema: bytes = b""

    @property
    def kind(self) -> str:
        """The ROS 2 type that `BagReader.decode` returns: `type` or its equivalent."""
        return foreign.kind_of(self.type)


@dataclass(frozen=True)
class Record:
    """One serialised message: recorded at `time_ns`, published at `sent_ns` (None: not stored)."""

    topic: str
    type: str
    time_ns: int
    data: bytes
    encoding: str = CDR
    sent_ns: int | None = None


class BagReader:
    """A rosbag2 folder (metadata.yaml may be missing) or a single .mcap or .db3 file, zstd-compressed or not.

    Attributes:
        topics: One entry for each topic and type.
        damage: None, or why only the first part is readable.

    Raises:
        DataError: `path` is missing or not a rosbag2 recording.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.damage: str | None = None
        self._readers: list[File] = []
        self._folders: list[tempfile.TemporaryDirectory] = []
        try:
            for part in files_of(self.path):
                file, damage = open_file(part, self._scratch)
                self._readers.append(file)
                if damage:
                    self.damage = f"{part} {damage}"
        except BaseException:
            self.close()
            raise
        self.topics = _topics([channel for reader in self._readers for channel in reader.channels])

    @property
    def message_count(self) -> int:
        """Number of readable messages."""
        return sum(reader.message_count for reader in self._readers)

    def topic(self, name: str) -> Topic:
        """The topic called `name`.

        Raises:
            DataError: There is none; the text lists the topics.
        """
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise DataError(f"{self.path} has no topic {name}; it has {', '.join(t.name for t in self.topics) or 'none'}")

    def messages(
        self, topics: Collection[str] | None = None, *, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[Record]:
        """Messages of some topics (None: all) in time order, with start_ns <= time < stop_ns.

        Raises:
            DataError: After the last readable message of a damaged recording.
        """
        for reader in self._readers:
            chosen = [channel for channel in reader.channels if topics is None or channel.topic in topics]
            if not chosen:
                continue
            try:
                for channel, time_ns, data, sent_ns in reader.messages(chosen, start_ns, stop_ns):
                    plain = decompressed(bytes(data))
                    yield Record(channel.topic, channel.type, time_ns, plain, channel.encoding, sent_ns)
            except (sqlite3.Error, struct.error, OSError, EOFError, ValueError) as error:
                raise DataError(f"{self.path} is damaged: {_one_line(error)}") from error
        if self.damage:
            raise DataError(self.damage)

    def extras(self) -> list[Extra]:
        """Attachments and metadata of MCAP files."""
        return [extra for reader in self._readers for extra in reader.extras()]

    def decode(self, record: Record) -> Any:
        """The message object of a record.

        Raises:
            DataError: Its type is unknown, or its bytes do not fit the type.
        """
        try:
            if record.encoding != CDR or foreign.kind_of(record.type) != record.type:
                return foreign.decode(record.data, self._topic_of(record))
            if record.type not in typestore().fielddefs:
                definition = next((topic.definition for topic in self.topics if topic.type == record.type), "")
                learn_type(record.type, definition)
            return typestore().deserialize_cdr(record.data, record.type)
        except (SerdeError, TypesysError, KeyError, IndexError, ValueError, AssertionError, struct.error) as error:
            raise DataError(
                f"{self.path}: a message of {record.topic} at {record.time_ns} ns is not a {record.type}: "
                f"{_one_line(error)}"
            ) from error

    def _topic_of(self, record: Record) -> Topic:
        key = (record.topic, record.type, record.encoding)
        return next(topic for topic in self.topics if (topic.name, topic.type, topic.encoding) == key)

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()
        self._readers = []
        for folder in self._folders:
            folder.cleanup()
        self._folders = []

    def _scratch(self) -> Path:
        self._folders.append(tempfile.TemporaryDirectory(prefix="prv2_bag_"))
        return Path(self._folders[-1].name)

    def __enter__(self) -> "BagReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _topics(channels: list[Channel]) -> list[Topic]:
    merged: dict[tuple[str, str, str], Topic] = {}
    for c in channels:
        before = merged.get((c.topic, c.type, c.encoding))
        text = c.schema.decode(errors="replace") if c.schema_encoding in TEXT_SCHEMAS else ""
        count = c.count + (before.count if before else 0)
        topic = Topic(c.topic, c.type, count, text, c.digest, c.qos, c.encoding, c.schema_encoding, c.schema)
        merged[c.topic, c.type, c.encoding] = replace(before, count=count) if before and before.schema else topic
    return list(merged.values())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
