# SPDX-License-Identifier: Apache-2.0
"""The .db3 files of rosbag2, of every version, also with the journal that a killed recorder leaves."""

import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from prv2_ros.bags.channel import CDR, Channel, Extra, qos_profiles

_JOURNALS = ("-wal", "-journal")


class SqliteFile:
    """One .db3 file, opened read-only; attributes as of `IndexedMcap`, without its times.

    Raises:
        sqlite3.Error: It is not a rosbag2 database, or damaged.
    """

    damage = None

    def __init__(self, path: Path):
        self._folder: tempfile.TemporaryDirectory | None = None
        if any(_journal(path, suffix).is_file() for suffix in _JOURNALS):
            # The journal holds the last messages; SQLite merges it, in a copy.
            self._folder = tempfile.TemporaryDirectory(prefix="prv2_bag_")
            copy = Path(self._folder.name) / path.name
            for suffix in ("", *_JOURNALS):
                if _journal(path, suffix).is_file():
                    shutil.copyfile(_journal(path, suffix), _journal(copy, suffix))
            uri = copy.as_uri()
        else:
            uri = f"{path.resolve().as_uri()}?immutable=1"
        try:
            # One thread plans, then another reads ahead; never both at once.
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
            try:
                self.channels = self._read_channels()
                self.message_count = sum(channel.count for channel in self.channels)
            except BaseException:
                self._database.close()
                raise
        except BaseException:
            self._remove_copy()
            raise

    def _read_channels(self) -> list[Channel]:
        counts = dict(self._database.execute("SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id"))
        definitions = {}
        for row in self._rows("message_definitions"):
            definitions[row.get("topic_type")] = (row.get("encoding"), row.get("encoded_message_definition"))
        channels = []
        for row in self._rows("topics"):
            encoding, text = definitions.get(row["type"], ("", ""))
            channels.append(
                Channel(
                    id=row["id"],
                    topic=row["name"],
                    type=row["type"],
                    count=counts.get(row["id"], 0),
                    encoding=row.get("serialization_format") or CDR,
                    schema_encoding=(encoding or "") if text else "",
                    schema=(text or "").encode(),
                    digest=row.get("type_description_hash") or "",
                    qos=qos_profiles(row.get("offered_qos_profiles") or ""),
                )
            )
        return channels

    def _rows(self, table: str) -> list[dict]:
        """Rows of a table by column name, since columns differ between versions; none if the table is missing."""
        names = [column[1] for column in self._database.execute(f"PRAGMA table_info({table})")]
        if not names:
            if table == "topics":
                raise sqlite3.DatabaseError("it has no table of topics")
            return []
        return [dict(zip(names, row, strict=True)) for row in self._database.execute(f"SELECT * FROM {table}")]

    def messages(
        self, channels: Collection[Channel], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Channel, int, bytes, int]]:
        """(channel, time, data, time again) of messages in time order, with start <= time < stop."""
        by_id = {channel.id: channel for channel in channels}
        marks = ",".join("?" * len(by_id))
        query = (
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks}) "
            "AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id"
        )
        limits = (-(2**63) if start is None else start, 2**63 - 1 if stop is None else stop)
        for topic, time_ns, data in self._database.execute(query, (*by_id, *limits)):
            yield by_id[topic], time_ns, data, time_ns

    def extras(self) -> Iterator[Extra]:
        """None: a rosbag2 database has only messages."""
        return iter(())

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        self._remove_copy()

    def _remove_copy(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _journal(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
