# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 recordings that Humble and every later ROS 2 can play."""

import shutil
from pathlib import Path
from typing import IO, Any, Literal

import yaml
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.rosbag2.metadata import dump_qos_v8

from prv2_ros.bags.channel import CDR, ROS2_MSG, Extra
from prv2_ros.bags.metadata import write_metadata
from prv2_ros.bags.types import typestore
from prv2_ros.errors import DataError
from prv2_ros.version import __version__

# Humble and Jazzy cannot read the QoS profiles of version 9.
_METADATA_VERSION: Literal[8] = 8
_NO_DIGEST = "RIHS01_" + "0" * 64


class BagWriter:
    """A new recording; it gets metadata.yaml, and so counts as finished, only when closed without an error.

    Args:
        path: New or empty folder; its file has the same name.
        storage: "mcap" or "sqlite3".
        compress: Compress MCAP chunks with zstd.
        chunk_bytes: Size of an MCAP chunk [bytes], the unit of decompression and of damage.

    Raises:
        DataError: The folder is not empty or cannot be made.
    """

    def __init__(self, path: str | Path, *, storage: str = "mcap", compress: bool = True, chunk_bytes: int = 1 << 20):
        self.path = Path(path)
        if storage not in ("mcap", "sqlite3"):
            raise DataError(f"storage must be mcap or sqlite3, got '{storage}'")
        try:
            if self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()
            self._file: _McapFile | _SqliteFile = (
                _McapFile(self.path, compress, chunk_bytes) if storage == "mcap" else _SqliteFile(self.path)
            )
        except (WriterError, OSError) as error:
            raise DataError(f"cannot write a recording to {self.path}: {error}") from error
        self._channels: dict[tuple[str, str, str], Any] = {}
        self.counts: dict[str, int] = {}

    def add_topic(
        self,
        name: str,
        type: str,
        *,
        definition: str = "",
        digest: str = "",
        qos: tuple | list = (),
        encoding: str = CDR,
        schema_encoding: str = "",
        schema: bytes = b"",
    ) -> None:
        """Add a topic, once for each name, type and encoding.

        Args:
            name, type: e.g. "/depth/image_rect" and "sensor_msgs/msg/Image".
            definition, digest: The type's definition and RIHS01 hash, for types that `typestore()` lacks.
            qos: Offered QoS profiles (rosbags' `Qos`).
            encoding: Of the messages, in MCAP.
            schema_encoding, schema: The definition as another recording stores it, in MCAP.
        """
        if (name, type, encoding) in self._channels:
            return
        if encoding == CDR and not schema:
            known = type in typestore().fielddefs
            digest = digest or (typestore().hash_rihs01(type) if known else _NO_DIGEST)
            text = typestore().generate_msgdef(type, ros_version=2)[0] if known and not definition else definition
            # Better no definition than a wrong one, which would break other readers.
            schema_encoding, schema = (schema_encoding or ROS2_MSG) if text else "", text.encode()
        self._channels[name, type, encoding] = self._file.add(
            name, type, encoding, (schema_encoding, schema), digest, list(qos)
        )
        self.counts.setdefault(name, 0)

    def add_topic_like(self, topic: Any) -> None:
        """Add a topic of another recording (a reader's `Topic`)."""
        self.add_topic(
            topic.name,
            topic.type,
            digest=topic.digest,
            qos=topic.qos,
            encoding=topic.encoding,
            schema_encoding=topic.schema_encoding,
            schema=topic.schema,
        )

    def add_extra(self, extra: Extra) -> None:
        """Add an attachment or metadata; only MCAP can store them."""
        self._file.add_extra(extra)

    def write(
        self, topic: str, type: str, time_ns: int, message: Any, encoding: str = CDR, sent_ns: int | None = None
    ) -> None:
        """Append a message (bytes, or an object of `typestore()`); a new topic of a known type is added first.

        `time_ns` is the time of recording, `sent_ns` that of publishing (None: the same; only MCAP stores it).
        """
        if (topic, type, encoding) not in self._channels:
            self.add_topic(topic, type, encoding=encoding)
        if not isinstance(message, (bytes, bytearray, memoryview)):
            message = typestore().serialize_cdr(message, type)
        try:
            self._file.write(self._channels[topic, type, encoding], time_ns, message, sent_ns)
        except (WriterError, OSError) as error:
            raise DataError(f"cannot write to {self.path}: {error}") from error
        self.counts[topic] += 1

    def close(self) -> None:
        """Write index and metadata.yaml."""
        try:
            self._file.close()
        except (WriterError, OSError) as error:
            raise DataError(f"cannot finish {self.path}: {error}") from error

    def abort(self) -> None:
        """Stop without index and metadata.yaml."""
        self._file.abort()

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class _McapFile:
    """An MCAP file and its metadata.yaml."""

    def __init__(self, folder: Path, compress: bool, chunk_bytes: int):
        folder.mkdir(parents=True)
        self._path = folder / f"{folder.name}.mcap"
        self._stream: IO[bytes] = self._path.open("xb")
        compression = CompressionType.ZSTD if compress else CompressionType.NONE
        self._writer = McapWriter(self._stream, chunk_size=chunk_bytes, compression=compression)
        self._writer.start("ros2", f"prv2_ros {__version__}")
        self._schemas: dict[tuple[str, str, bytes], int] = {}

    def add(self, topic: str, type: str, encoding: str, schema: tuple[str, bytes], digest: str, qos: list) -> int:
        key = (type, *schema)
        if key not in self._schemas:
            # 0 means "no schema" in MCAP.
            self._schemas[key] = self._writer.register_schema(type, *schema) if type or schema[1] else 0
        metadata = {"offered_qos_profiles": yaml.safe_dump(dump_qos_v8(qos), default_flow_style=False).strip()}
        if digest:
            metadata["topic_type_hash"] = digest
        return self._writer.register_channel(topic, encoding, self._schemas[key], metadata)

    def add_extra(self, extra: Extra) -> None:
        if extra.words is None:
            self._writer.add_attachment(extra.create_ns, extra.log_ns, extra.name, extra.media_type, extra.data)
        else:
            self._writer.add_metadata(extra.name, extra.words)

    def write(self, channel: int, time_ns: int, data: Any, sent_ns: int | None) -> None:
        self._writer.add_message(channel, time_ns, bytes(data), time_ns if sent_ns is None else sent_ns)

    def close(self) -> None:
        self._writer.finish()
        self._stream.close()
        write_metadata(self._path.parent, [self._path])

    def abort(self) -> None:
        self._stream.close()


class _SqliteFile:
    """A .db3 file and its metadata.yaml, by rosbags."""

    def __init__(self, folder: Path):
        self._writer = Writer(folder, version=_METADATA_VERSION, storage_plugin=StoragePlugin.SQLITE3)
        self._writer.open()

    def add(self, topic: str, type: str, encoding: str, schema: tuple[str, bytes], digest: str, qos: list) -> Any:
        return self._writer.add_connection(
            topic,
            type,
            msgdef=schema[1].decode(),
            rihs01=digest or _NO_DIGEST,
            serialization_format=encoding,
            offered_qos_profiles=qos,
        )

    def add_extra(self, extra: Extra) -> None:
        pass

    def write(self, connection: Any, time_ns: int, data: Any, sent_ns: int | None) -> None:
        self._writer.write(connection, time_ns, data)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.abort()


def remove_bag(path: str | Path) -> None:
    """Remove the files of a recording (metadata.yaml, .mcap, .db3), and its folder if it is then empty.

    Raises:
        DataError: `path` is a file.
    """
    path = Path(path)
    if path.is_file():
        raise DataError(f"{path} is a file, not the folder of a recording")
    if not path.exists():
        return
    for file in path.iterdir():
        if file.name in ("metadata.yaml", "metadata.yaml.tmp") or file.suffix in (".mcap", ".db3"):
            file.unlink()
    if not any(path.iterdir()):
        shutil.rmtree(path)
