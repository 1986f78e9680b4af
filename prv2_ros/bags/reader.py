# SPDX-License-Identifier: Apache-2.0
"""Reads a recording: whole files by their index, cut-off ones as far as they go, and every encoding as it is."""

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
        name: e.g. "/camera/image".
        type: e.g. "sensor_msgs/msg/Image".
        count: Messages in the recording.
        definition: The type's definition as stored; "" when the recording has none, or none that is text.
        digest: The type's RIHS01 hash as stored; "" when the recording has none.
        qos: Offered QoS profiles, as rosbags' `Qos`.
        encoding: Of its messages: "cdr", or "json", "protobuf", "ros1" and what else MCAP files hold.
        schema_encoding: Of the definition: "ros2msg", "ros2idl", "jsonschema"; "" when the recording has none.
        schema: The definition's bytes.
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
        """The ROS 2 type that `BagReader.decode` gives its messages: `type`, or the one that means the same."""
        return foreign.kind_of(self.type)


@dataclass(frozen=True)
class Record:
    """One recorded message, still serialised.

    Attributes:
        topic: Topic name.
        type: Message type.
        time_ns: When it was recorded, nanoseconds.
        data: Its bytes.
        encoding: Of these bytes; CDR unless the recording has others.
        sent_ns: When it was published, as far as the recording says; None for the time of recording.
    """

    topic: str
    type: str
    time_ns: int
    data: bytes
    encoding: str = CDR
    sent_ns: int | None = None


class BagReader:
    """A rosbag2 folder, or a bare .mcap or .db3 file; files and messages compressed with zstd are decompressed.

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
            DataError: Its type is unknown and not defined in the recording, or its bytes do not fit the type.
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
        stated = before if before and before.schema else Topic(
            c.topic, c.type, 0, text, c.digest, c.qos, c.encoding, c.schema_encoding, c.schema
        )  # fmt: skip
        count = c.count + (before.count if before else 0)
        merged[c.topic, c.type, c.encoding] = replace(stated, count=count)
    return list(merged.values())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
