# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml over the files of a recording."""

import io
import os
from pathlib import Path
from typing import Any

import yaml
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.metadata import dump_qos_v8


def write_metadata(out: Path, files: list[Path]) -> None:
    """Join finished MCAP files into one recording; from now on it counts as finished.

    Args:
        out: Folder of the recording.
        files: Its files in the order of time; each states the same topics.
    """
    topics: dict[tuple[str, str], dict] = {}
    entries: list[dict[str, Any]] = []
    for file in files:
        with Reader(file) as reader:
            for c in reader.connections:
                entry = topics.setdefault(
                    (c.topic, c.msgtype),
                    {
                        "topic_metadata": {
                            "name": c.topic,
                            "type": c.msgtype,
                            "serialization_format": "cdr",
                            "offered_qos_profiles": dump_qos_v8(list(getattr(c.ext, "offered_qos_profiles", ()))),
                            "type_description_hash": c.digest,
                        },
                        "message_count": 0,
                    },
                )
                entry["message_count"] += c.msgcount
            start, end = (reader.start_time, reader.end_time - 1) if reader.message_count else (0, 0)
            entries.append(
                {
                    "path": file.name,
                    "starting_time": {"nanoseconds_since_epoch": start},
                    "duration": {"nanoseconds": end - start},
                    "message_count": reader.message_count,
                }
            )
    start = min(entry["starting_time"]["nanoseconds_since_epoch"] for entry in entries)
    end = max(e["starting_time"]["nanoseconds_since_epoch"] + e["duration"]["nanoseconds"] for e in entries)
    information = {
        "version": 8,
        "storage_identifier": "mcap",
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
        "message_count": sum(entry["message_count"] for entry in entries),
        "topics_with_message_count": list(topics.values()),
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [entry["path"] for entry in entries],
        "files": entries,
        "custom_data": None,
        "ros_distro": "rosbags",
    }
    text = io.StringIO()
    yaml.safe_dump({"rosbag2_bagfile_information": information}, text, sort_keys=False)
    part = out / "metadata.yaml.tmp"
    with part.open("w") as metadata:
        metadata.write(text.getvalue())
        metadata.flush()
        os.fsync(metadata.fileno())
    part.replace(out / "metadata.yaml")
