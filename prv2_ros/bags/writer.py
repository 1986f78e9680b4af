# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 recordings (MCAP) that Humble and every later ROS 2 can play."""

from pathlib import Path
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2.metadata import dump_qos_v8

from prv2_ros.bags.channel import CDR, ROS2_MSG, Extra
from prv2_ros.bags.metadata import write_metadata
from prv2_ros.bags.types import typestore
from prv2_ros.errors import DataError
from prv2_ros.version import __version__


class BagWriter:
    """A new recording; it gets metadata.yaml, and so counts as finished, only when closed without an error.

    Args:
        path: New or empty folder; its file has the same name.
        compress: Compress chunks with zstd.
        chunk_bytes: Size of a chunk [bytes], the unit of decompression and of damage.

    Attributes:
        counts: Messages by topic.

    Raises:
        DataError: The folder is not empty or cannot be made.
    """

    def __init__(self, path: str | Path, *, compress: bool = True, chunk_bytes: int = 1 << 20):
        self.path = Path(path)
        try:
            if self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()
            self.path.mkdir(parents=True)
            self._file = self.path / f"{self.path.name}.mcap"
            self._stream = self._file.open("xb")
        except OSError as error:
            raise DataError(f"cannot write a recording to {self.path}: {error}") from error
        compression = CompressionType.ZSTD if compress else CompressionType.NONE
        self._writer = Writer(self._stream, chunk_size=chunk_bytes, compression=compression)
        self._writer.start("ros2", f"prv2_ros {__version__}")
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self._channels: dict[tuple[str, str, str], int] = {}
        self.counts: dict[str, int] = {}

    def add_topic(
        self,
        name: str,
        type: str,
        *,
        digest: str = "",
        qos: tuple | list = (),
        encoding: str = CDR,
        schema_encoding: str = "",
        schema: bytes = b"",
    ) -> None:
        """Add a topic, once for each name, type and encoding.

        Args:
            name, type: e.g. "/depth/image_rect" and "sensor_msgs/msg/Image".
            digest: The type's RIHS01 hash; it and the definition are known for the types of `typestore()`.
            qos: Offered QoS profiles (rosbags' `Qos`).
            encoding: Of the messages.
            schema_encoding, schema: The type's definition as another recording stores it.
        """
        if (name, type, encoding) in self._channels:
            return
        if encoding == CDR and not schema:
            # Better no definition than a wrong one, which would break other readers.
            schema_encoding, digest = "", digest or "RIHS01_" + "0" * 64
            if type in typestore().fielddefs:
                schema_encoding, digest = ROS2_MSG, typestore().hash_rihs01(type)
                schema = typestore().generate_msgdef(type, ros_version=2)[0].encode()
        key = (type, schema_encoding, schema)
        if key not in self._schemas:
            # 0 means "no schema" in MCAP.
            self._schemas[key] = self._writer.register_schema(*key) if type or schema else 0
        metadata = {"offered_qos_profiles": yaml.safe_dump(dump_qos_v8(list(qos)), default_flow_style=False).strip()}
        if digest:
            metadata["topic_type_hash"] = digest
        channel = self._writer.register_channel(name, encoding, self._schemas[key], metadata)
        self._channels[name, type, encoding] = channel
        self.counts.setdefault(name, 0)

    def add_topic_like(self, topic: Any) -> None:
        """Add a topic of another recording (a reader's `Topic`)."""
        names = ("digest", "qos", "encoding", "schema_encoding", "schema")
        self.add_topic(topic.name, topic.type, **{name: getattr(topic, name) for name in names})

    def add_extra(self, extra: Extra) -> None:
        """Add an attachment or metadata."""
        if extra.words is None:
            self._writer.add_attachment(extra.create_ns, extra.log_ns, extra.name, extra.media_type, extra.data)
        else:
            self._writer.add_metadata(extra.name, extra.words)

    def write(
        self, topic: str, type: str, time_ns: int, message: Any, encoding: str = CDR, sent_ns: int | None = None
    ) -> None:
        """Append a message (bytes, or an object of `typestore()`); a new topic of a known type is added first.

        `time_ns` is the time of recording, `sent_ns` that of publishing (None: the same).

        Raises:
            DataError: The file cannot be written.
        """
        if (topic, type, encoding) not in self._channels:
            self.add_topic(topic, type, encoding=encoding)
        if not isinstance(message, (bytes, bytearray, memoryview)):
            message = typestore().serialize_cdr(message, type)
        channel, sent_ns = self._channels[topic, type, encoding], time_ns if sent_ns is None else sent_ns
        try:
            self._writer.add_message(channel, time_ns, bytes(message), sent_ns)
        except OSError as error:
            raise DataError(f"cannot write to {self.path}: {error}") from error
        self.counts[topic] += 1

    def close(self) -> None:
        """Write index and metadata.yaml; a DataError where that fails."""
        try:
            self._writer.finish()
            self._stream.close()
            write_metadata(self.path, [self._file])
        except OSError as error:
            raise DataError(f"cannot finish {self.path}: {error}") from error

    def abort(self) -> None:
        """Stop without index and metadata.yaml."""
        self._stream.close()

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
