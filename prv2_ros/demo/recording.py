# SPDX-License-Identifier: Apache-2.0
"""The demo recording and the node's answers, frame by frame."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prv2_ros.bags import BagReader
from prv2_ros.bags.messages import read_depth_message, read_intrinsics, stamp_ns
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


@dataclass
class Played:
    """A frame that was played.

    Attributes:
        stamp: stamp of the image, ns.
        rgb: (H, W, 3) uint8.
        intrinsics: fx, fy, cx, cy in pixels, or None.
        truth_m: (H, W) metres, +Inf for sky, or None without ground truth.
        depth_m: (H, W) metres that the node published, or None.
    """

    stamp: int
    rgb: np.ndarray
    intrinsics: tuple[float, float, float, float] | None
    truth_m: np.ndarray | None
    depth_m: np.ndarray | None


class Recordings:
    """The played and the recorded bag, joined by stamp; frames are decoded on demand."""

    def __init__(self, played: Path, made: Path):
        self._played, self._made = BagReader(played), BagReader(made)
        # Only the places: a hundred 4K depth maps do not fit into memory.
        self._index: dict[str, dict[int, tuple[BagReader, int]]] = {}
        sources = dict.fromkeys((topics.IMAGE, topics.CAMERA_INFO, topics.GROUND_TRUTH), self._played)
        for topic, reader in {**sources, topics.DEPTH: self._made}.items():
            records = reader.messages([topic])
            self._index[topic] = {stamp_ns(reader.decode(r)): (reader, r.time_ns) for r in records}

    def _message(self, name: str, stamp: int) -> Any:
        found = self._index[name].get(stamp)
        if found is None:
            return None
        reader, time_ns = found
        for record in reader.messages([name], start_ns=time_ns, stop_ns=time_ns + 1):
            message = reader.decode(record)
            if stamp_ns(message) == stamp:
                return message
        return None

    def stamps(self, *, with_truth: bool = False) -> list[int]:
        """Stamps of the played frames whose depth came out; only those with ground truth, if `with_truth`."""
        wanted = [topics.IMAGE, topics.DEPTH, *([topics.GROUND_TRUTH] if with_truth else [])]
        return sorted(set.intersection(*(set(self._index[name]) for name in wanted)))

    def frame(self, stamp: int) -> Played:
        """One frame with its depth and ground truth."""
        image, info, truth, depth = (
            self._message(topic, stamp)
            for topic in (topics.IMAGE, topics.CAMERA_INFO, topics.GROUND_TRUTH, topics.DEPTH)
        )
        rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        truth_m = None
        if truth is not None:
            truth_m = read_depth_message(truth)
            truth_m[np.isnan(truth_m)] = np.inf  # see make_bag: a pixel without depth is sky
        return Played(
            stamp=stamp,
            rgb=rgb,
            intrinsics=read_intrinsics(info, width=rgb.shape[1], height=rgb.shape[0]) if info is not None else None,
            truth_m=truth_m,
            depth_m=read_depth_message(depth) if depth is not None else None,
        )

    def close(self) -> None:
        """Close both recordings."""
        self._played.close()
        self._made.close()
