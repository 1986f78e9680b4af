# SPDX-License-Identifier: Apache-2.0
"""The readable first part of an MCAP file whose recorder was killed, or that was copied only in part."""

import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)
from rosbags.rosbag2.metadata import parse_qos

MCAP_MAGIC = b"\x89MCAP0\r\n"
_FORMATS = {
    "ros2msg": MessageDefinitionFormat.MSG,
    "ros2idl": MessageDefinitionFormat.IDL,
    "omgidl": MessageDefinitionFormat.IDL,
}


class SalvagedMcap:
    """An MCAP file read from its beginning, without its index.

    Args:
        path: The file; it must start with MCAP's magic.

    Attributes:
        connections: As in rosbags' readers, with counts of what can be read.
        message_count: Messages that can be read.
        start_time: Time of the first, ns.
        end_time: Time after the last, ns.
        damage: None, or what is wrong in words that follow the file's name.
    """

    def __init__(self, path: Path):
        self._path = path
        self.connections: list[Connection] = []
        self.message_count = 0
        self.start_time, self.end_time = 0, 1
        self.damage: str | None = None
        self._scan()

    def _scan(self) -> None:
        counts: dict[int, int] = {}
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        last_ns = 0
        for record in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Message) and record.channel_id in channels:
                counts[record.channel_id] = counts.get(record.channel_id, 0) + 1
                self.start_time = min(self.start_time or record.log_time, record.log_time)
                last_ns = max(last_ns, record.log_time)
        self.message_count, self.end_time = sum(counts.values()), last_ns + 1
        if self.damage:
            self.damage += f"; the {self.message_count} messages before that can be read"
        self.connections = [_connection(c, schemas.get(c.schema_id), counts.get(c.id, 0)) for c in channels.values()]

    def _records(self) -> Iterator[Schema | Channel | Message]:
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            try:
                for record in StreamReader(file, validate_crcs=True).records:
                    if isinstance(record, (Schema, Channel, Message)):
                        yield record
            except (McapError, struct.error, EOFError, ValueError, MemoryError, OverflowError) as error:
                at = file.tell()
                words = "is cut off" if at >= size else f"is damaged ({' '.join(str(error).split())})"
                self.damage = f"{words} at byte {at} of {size}"
            except Exception as error:
                if type(error).__module__.split(".")[0] not in ("zstandard", "lz4", "zstd"):
                    raise
                self.damage = f"is damaged ({error}) at byte {file.tell()} of {size}"

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in the order of the file, up to the damage."""
        wanted = {connection.id: connection for connection in connections}
        first, end = start or 0, 2**64 if stop is None else stop
        damage = self.damage
        for record in self._records():
            if isinstance(record, Message) and record.channel_id in wanted and first <= record.log_time < end:
                yield wanted[record.channel_id], record.log_time, record.data
        self.damage = damage

    def close(self) -> None:
        """Nothing stays open."""


def _connection(channel: Channel, schema: Schema | None, count: int) -> Connection:
    kind = _FORMATS.get(schema.encoding, MessageDefinitionFormat.NONE) if schema else MessageDefinitionFormat.NONE
    text = schema.data.decode(errors="replace") if schema else ""
    return Connection(
        id=channel.id,
        topic=channel.topic,
        msgtype=schema.name if schema else "",
        msgdef=MessageDefinition(kind, text),
        digest="",
        msgcount=count,
        ext=ConnectionExtRosbag2(channel.message_encoding, _qos(channel)),
        owner=None,
    )


def _qos(channel: Channel) -> list:
    try:
        return parse_qos(channel.metadata.get("offered_qos_profiles", ""))
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
