# SPDX-License-Identifier: Apache-2.0
"""MCAP files: complete ones by their index, others sequentially up to the damage."""

import struct
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel as McapChannel
from mcap.records import Message, Schema
from mcap.stream_reader import StreamReader

from prv2_ros.bags.channel import Channel, Extra, qos_profiles

MCAP_MAGIC = b"\x89MCAP0\r\n"
# Errors that damaged bytes cause in the reader; its decompressors have types of their own.
_FAULTS = (McapError, struct.error, OSError, EOFError, ValueError, MemoryError, OverflowError, KeyError, StopIteration)
_FAULTY_PACKAGES = ("zstandard", "lz4", "zstd")


def open_mcap(path: Path) -> "IndexedMcap | SalvagedMcap":
    """Open by index if there is one, else sequentially.

    Raises:
        ValueError: It is not an MCAP file.
    """
    with path.open("rb") as file:
        if file.read(len(MCAP_MAGIC)) != MCAP_MAGIC:
            raise ValueError("it is not an MCAP file (wrong magic)")
    try:
        return IndexedMcap(path)
    except _FAULTS:
        return SalvagedMcap(path)


def _is_fault(error: Exception) -> bool:
    return isinstance(error, _FAULTS) or type(error).__module__.split(".")[0] in _FAULTY_PACKAGES


class IndexedMcap:
    """A complete MCAP file with an index.

    Attributes:
        channels: Its channels.
        message_count: Its number of messages.
        start_time, end_time: Time of the first message, and after the last [ns].
        damage: Always None; damage behind the index raises ValueError on reading.

    Raises:
        McapError, ValueError: It has no index, or is damaged.
    """

    damage = None

    def __init__(self, path: Path):
        self._file = path.open("rb")
        try:
            self._reader = SeekingReader(self._file, validate_crcs=True)
            summary = self._reader.get_summary()
            statistics = summary.statistics if summary else None
            counts = statistics.channel_message_counts if statistics else {}
            # Without these the contents are only known after reading everything.
            if summary is None or statistics is None or statistics.channel_count != len(summary.channels):
                raise ValueError("it has no index")
            if statistics.message_count and (not summary.chunk_indexes or sum(counts.values()) == 0):
                raise ValueError("it has no index of its messages")
            self.channels = [
                channel_of(channel, summary.schemas, counts.get(channel.id, 0)) for channel in summary.channels.values()
            ]
        except BaseException:
            self._file.close()
            raise
        self.message_count = statistics.message_count
        self.start_time, self.end_time = statistics.message_start_time, statistics.message_end_time + 1

    def messages(
        self, channels: Collection[Channel], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Channel, int, bytes, int]]:
        """(channel, time, data, publish time) of messages in time order, with start <= time < stop.

        Raises:
            ValueError: Damage.
        """
        by_id = {channel.id: channel for channel in channels}
        topics = {channel.topic for channel in channels}
        try:
            for _, _, message in self._reader.iter_messages(topics, starting_at=start, ending_before=stop):
                if message.channel_id in by_id:
                    yield by_id[message.channel_id], message.log_time, message.data, message.publish_time
        except Exception as error:
            if not _is_fault(error):
                raise
            raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error

    def extras(self) -> Iterator[Extra]:
        """Attachments and metadata, without rosbag2's own."""
        for attachment in self._reader.iter_attachments():
            a = attachment
            yield Extra(a.name, None, a.data, a.media_type, a.log_time, a.create_time)
        for metadata in self._reader.iter_metadata():
            if metadata.name != "rosbag2":
                yield Extra(metadata.name, dict(metadata.metadata))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SalvagedMcap:
    """An MCAP file without a usable index, read sequentially; attributes as of `IndexedMcap`.

    `damage` is None or a phrase that follows the file's name; counts cover the readable messages.
    """

    def __init__(self, path: Path):
        self._path = path
        self.damage: str | None = None
        counts: dict[int, int] = {}
        schemas: dict[int, Schema] = {}
        channels: dict[int, McapChannel] = {}
        first_ns: int | None = None
        last_ns = 0
        for record in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, McapChannel):
                channels[record.id] = record
            elif isinstance(record, Message) and record.channel_id in channels:
                counts[record.channel_id] = counts.get(record.channel_id, 0) + 1
                first_ns = record.log_time if first_ns is None else min(first_ns, record.log_time)
                last_ns = max(last_ns, record.log_time)
        self.message_count = sum(counts.values())
        self.start_time, self.end_time = first_ns or 0, last_ns + 1
        if self.damage:
            self.damage += f"; the {self.message_count} messages before that can be read"
        self.channels = [channel_of(c, schemas, counts.get(c.id, 0)) for c in channels.values()]

    def _records(self) -> Iterator[Schema | McapChannel | Message]:
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            try:
                for record in StreamReader(file, validate_crcs=True).records:
                    if isinstance(record, (Schema, McapChannel, Message)):
                        yield record
            except Exception as error:
                if not _is_fault(error):
                    raise
                at = file.tell()
                words = "is cut off" if at >= size else f"is damaged ({' '.join(str(error).split())})"
                self.damage = f"{words} at byte {at} of {size}"

    def messages(
        self, channels: Collection[Channel], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Channel, int, bytes, int]]:
        """(channel, time, data, publish time) of messages in file order, up to the damage."""
        wanted = {channel.id: channel for channel in channels}
        first, end = start or 0, 2**64 if stop is None else stop
        damage = self.damage
        for record in self._records():
            if isinstance(record, Message) and record.channel_id in wanted and first <= record.log_time < end:
                yield wanted[record.channel_id], record.log_time, record.data, record.publish_time
        self.damage = damage

    def extras(self) -> Iterator[Extra]:
        """None: only the index lists them."""
        return iter(())

    def close(self) -> None:
        """Nothing to close."""


def channel_of(channel: McapChannel, schemas: Mapping[int, Schema], count: int) -> Channel:
    """`Channel` of an MCAP channel and its schema."""
    schema = schemas.get(channel.schema_id)
    return Channel(
        id=channel.id,
        topic=channel.topic,
        type=schema.name if schema else "",
        count=count,
        encoding=channel.message_encoding,
        schema_encoding=schema.encoding if schema else "",
        schema=schema.data if schema else b"",
        digest=channel.metadata.get("topic_type_hash", ""),
        qos=qos_profiles(channel.metadata.get("offered_qos_profiles", "")),
    )
