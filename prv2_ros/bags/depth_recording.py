# SPDX-License-Identifier: Apache-2.0
"""A recording with depth: pairs each depth with its image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.bags.messages import read_depth_message, read_intrinsics, stamp_ns
from prv2_ros.bags.pictures import holds_picture
from prv2_ros.bags.reader import BagReader
from prv2_ros.bags.types import CAMERA_INFO_TYPE, IMAGE_TYPE, TIMING_TYPE
from prv2_ros.errors import DataError
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb

_DEPTH = "/depth/image_rect"
_MAX_PIXELS = 1 << 28


@dataclass(frozen=True)
class Moment:
    """An image with its depth.

    Attributes:
        stamp: ns.
        rgb: (H, W, 3) uint8.
        depth_m: (h, w) float32 metres (REP 117).
        intrinsics: fx, fy, cx, cy of the depth, or None.
    """

    stamp: int
    rgb: np.ndarray
    depth_m: np.ndarray
    intrinsics: tuple[float, float, float, float] | None


class DepthRecording:
    """Opens a recording with depth, e.g. from `prv2 bag`; without `depth_topic` the first depth is used.

    Raises:
        DataError: There is no depth, or there are no images of the same stamps.
    """

    def __init__(self, path: Path, depth_topic: str | None = None):
        self.path = path
        self._reader = BagReader(path)
        try:
            names = [
                t.name for t in self._reader.topics if t.name.endswith(_DEPTH) and t.type == IMAGE_TYPE and t.count
            ]
            if depth_topic is None and not names:
                raise DataError(f"{path} has no depth (a topic ending in {_DEPTH}); add it with prv2 bag")
            self.depth_topic = depth_topic or names[0]
            self._depth_times = self._stamps(self.depth_topic)
            self.image_topic, self._image_times = self._find_images()
        except BaseException:
            self._reader.close()
            raise
        self.stamps = sorted(set(self._depth_times) & set(self._image_times))

    def _stamps(self, topic: str) -> dict[int, int]:
        return {stamp_ns(self._reader.decode(r)): r.time_ns for r in self._reader.messages([topic])}

    def _find_images(self) -> tuple[str, dict[int, int]]:
        prefix = self.depth_topic.removesuffix(_DEPTH)
        # The preview has the same stamps, but is not the input image.
        preview = f"{prefix}/depth/image_color"
        candidates = [
            topic
            for topic in self._reader.topics
            if topic.name not in (preview, f"{preview}/compressed") and holds_picture(self._reader, topic)
        ]
        names = (topic.name for topic in candidates)
        for name in sorted(names, key=lambda name: (not name.startswith(f"{prefix}/"), name)):
            times = self._stamps(name)
            if set(times) & set(self._depth_times):
                return name, times
        raise DataError(f"{self.path} has no images with the stamps of {self.depth_topic}")

    def _at(self, topic: str, time_ns: int, stamp: int) -> Any:
        for record in self._reader.messages([topic], start_ns=time_ns, stop_ns=time_ns + 1):
            message = self._reader.decode(record)
            if stamp_ns(message) == stamp:
                return message
        raise DataError(f"{self.path}: the message of {topic} with stamp {stamp} is missing")

    def moment(self, stamp: int) -> Moment:
        """Image and depth at one of `stamps`."""
        image = self._at(self.image_topic, self._image_times[stamp], stamp)
        rgb = (compressed_to_rgb if hasattr(image, "format") else image_to_rgb)(image, max_pixels=_MAX_PIXELS)
        # A raw rgb8 image is a read-only view of the recording, and torch needs writable memory.
        rgb = rgb if rgb.flags.writeable else rgb.copy()
        depth_m = read_depth_message(self._at(self.depth_topic, self._depth_times[stamp], stamp))
        return Moment(stamp, rgb, depth_m, self._intrinsics(stamp, depth_m))

    def _intrinsics(self, stamp: int, depth_m: np.ndarray) -> tuple[float, float, float, float] | None:
        topic = self.depth_topic.removesuffix("image_rect") + "camera_info"
        if not any(t.name == topic and t.type == CAMERA_INFO_TYPE for t in self._reader.topics):
            return None
        for record in self._reader.messages([topic]):
            message = self._reader.decode(record)
            if stamp_ns(message) == stamp:
                return read_intrinsics(message, width=depth_m.shape[1], height=depth_m.shape[0])
        return None

    def timings(self) -> list[Any]:
        """The timing messages of the depth, in time order."""
        topic = self.depth_topic.removesuffix(_DEPTH) + "/timing"
        if not any(t.name == topic and t.type == TIMING_TYPE for t in self._reader.topics):
            return []
        return [self._reader.decode(record) for record in self._reader.messages([topic])]

    def close(self) -> None:
        """Close the recording."""
        self._reader.close()
