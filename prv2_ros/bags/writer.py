# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 recordings that Humble and every later ROS 2 can play."""

import shutil
from pathlib import Path
from typing import Any, Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from prv2_ros.bags.types import typestore
from prv2_ros.errors import DataError

# Version 9 writes QoS profiles in a form that Humble and Jazzy cannot read.
_METADATA_VERSION: Literal[8] = 8
_NO_DIGEST = "RIHS01_" + "0" * 64


class BagWriter:
    """A new recording; it counts as finished (metadata.yaml) only when it was closed without an error.

    Args:
        path: Folder to make; it must not exist, or be empty. The file in it is called after it.
        storage: "mcap" or "sqlite3".
        compress: Compress MCAP chunks (zstd), which any MCAP reader undoes by itself.

    Raises:
        DataError: The folder exists or cannot be made.
    """

    def __init__(self, path: str | Path, *, storage: str = "mcap", compress: bool = True):
        self.path = Path(path)
        plugin = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}.get(storage)
        if plugin is None:
            raise DataError(f"storage must be mcap or sqlite3, got '{storage}'")
        try:
            if self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()
            self._writer = Writer(self.path, version=_METADATA_VERSION, storage_plugin=plugin)
            if compress and plugin is StoragePlugin.MCAP:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise DataError(f"cannot write a recording to {self.path}: {error}") from error
        self._connections: dict[tuple[str, str], Connection] = {}
        self.counts: dict[str, int] = {}

    def add_topic(
        self, name: str, type: str, *, definition: str = "", digest: str = "", qos: tuple | list = ()
    ) -> None:
        """State a topic; one that is stated twice with the same type is the same.

        Args:
            name: e.g. "/depth/image_rect".
            type: e.g. "sensor_msgs/msg/Image".
            definition: The type's definition as another recording states it; needed for types that `typestore()`
                lacks, and preferred to its own.
            digest: The type's RIHS01 hash, likewise.
            qos: Offered QoS profiles to note down (rosbags' `Qos`).
        """
        if (name, type) in self._connections:
            return
        known = type in typestore().fielddefs
        digest = digest or (typestore().hash_rihs01(type) if known else _NO_DIGEST)
        options: dict[str, Any] = {"msgdef": definition, "rihs01": digest}
        if known and not definition:
            options = {"typestore": typestore()}
        self._connections[name, type] = self._writer.add_connection(
            name, type, offered_qos_profiles=list(qos), **options
        )
        self.counts.setdefault(name, 0)

    def write(self, topic: str, type: str, time_ns: int, message: Any) -> None:
        """Append a message.

        Args:
            topic: Topic name; stated here if it was not before and the type is known.
            type: Message type.
            time_ns: Time of recording, nanoseconds.
            message: CDR bytes, or a message object of `typestore()`.
        """
        if (topic, type) not in self._connections:
            self.add_topic(topic, type)
        if not isinstance(message, (bytes, bytearray, memoryview)):
            message = typestore().serialize_cdr(message, type)
        try:
            self._writer.write(self._connections[topic, type], time_ns, message)
        except (WriterError, OSError) as error:
            raise DataError(f"cannot write to {self.path}: {error}") from error
        self.counts[topic] += 1

    def close(self) -> None:
        """Write index and metadata.yaml."""
        try:
            self._writer.close()
        except (WriterError, OSError) as error:
            raise DataError(f"cannot finish {self.path}: {error}") from error

    def abort(self) -> None:
        """Stop without index and metadata.yaml."""
        self._writer.abort()

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def remove_bag(path: str | Path) -> None:
    """Remove an earlier recording's files (metadata.yaml, .mcap, .db3) and its folder if that leaves it empty.

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
