# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml over the files of a recording."""

import io
import os
from pathlib import Path
from typing import Any

import yaml
from rosbags.rosbag2.metadata import dump_qos_v8

from prv2_ros.bags.channel import CDR
from prv2_ros.bags.mcap_file import open_mcap


def write_metadata(out: Path, files: list[Path]) -> None:
    """Write metadata.yaml into `out` for MCAP files in time order; the recording then counts as finished.

    Only topics in CDR are listed, since `ros2 bag play` and rosbags reject a recording that lists others. Readers that
    know other encodings find those topics in the files.
    """
    topics: dict[tuple[str, str], dict] = {}
    entries: list[dict[str, Any]] = []
    for path in files:
        file = open_mcap(path)
        try:
            for c in file.channels:
                if c.encoding != CDR:
                    continue
                entry = topics.setdefault(
                    (c.topic, c.type),
                    {
                        "topic_metadata": {
                            "name": c.topic,
                            "type": c.type,
                            "serialization_format": c.encoding,
                            "offered_qos_profiles": dump_qos_v8(list(c.qos)),
                            "type_description_hash": c.digest,
                        },
                        "message_count": 0,
                    },
                )
                entry["message_count"] += c.count
            start, end = (file.start_time, file.end_time - 1) if file.message_count else (0, 0)
            entries.append(
                {
                    "path": path.name,
                    "starting_time": {"nanoseconds_since_epoch": start},
                    "duration": {"nanoseconds": end - start},
                    "message_count": file.message_count,
                }
            )
        finally:
            file.close()
    filled = [entry for entry in entries if entry["message_count"]] or entries
    start = min(entry["starting_time"]["nanoseconds_since_epoch"] for entry in filled)
    end = max(e["starting_time"]["nanoseconds_since_epoch"] + e["duration"]["nanoseconds"] for e in filled)
    information = {
        "version": 8,
        "storage_identifier": "mcap",
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
        "message_count": sum(entry["message_count"] for entry in topics.values()),
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
