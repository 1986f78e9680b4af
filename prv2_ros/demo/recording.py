# SPDX-License-Identifier: Apache-2.0
"""The demo recording: the frames to play, and their ground truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.bags import BagReader
from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.demo import topics
from prv2_ros.errors import DataError


@dataclass
class DemoFrame:
    """One serialised frame to play: image stamp [ns], time of the record [ns], image, and the camera_info before it."""

    stamp: int
    time_ns: int
    image: bytes
    camera_info: bytes | None


def read_frames(path: Path, limit: int | None = None) -> list[DemoFrame]:
    """Frames of a recording with the demo's topics; a DataError without an image on the demo's topic."""
    frames: list[DemoFrame] = []
    info = None
    with BagReader(path) as reader:
        reader.topic(topics.IMAGE)
        for record in reader.messages(topics.INPUT):
            if record.topic == topics.CAMERA_INFO:
                info = record.data
            elif limit is None or len(frames) < limit:
                frames.append(DemoFrame(stamp_ns(reader.decode(record)), record.time_ns, record.data, info))
    if not frames:
        raise DataError(f"{path} contains no image on {topics.IMAGE}")
    return frames


def read_truth(path: Path) -> dict[int, Any]:
    """Messages of ground truth by stamp [ns]; `truth_of` decodes one, at 4K all do not fit into memory."""
    with BagReader(path) as reader:
        messages = [reader.decode(record) for record in reader.messages([topics.GROUND_TRUTH])]
    return {stamp_ns(message): message for message in messages}


def truth_of(message: Any) -> np.ndarray:
    """(H, W) float32 metres, infinite for sky: `make_bag` writes sky as a pixel without depth."""
    return np.nan_to_num(read_depth_message(message), nan=np.inf, posinf=np.inf)
