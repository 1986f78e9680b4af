# SPDX-License-Identifier: Apache-2.0
"""A robot's own recordings: images with depth images or LiDAR from a rosbag2 bag, joined by time."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prv2_ros.bags.messages import read_depth_message, read_intrinsics, stamp_ns
from prv2_ros.bags.reader import BagReader
from prv2_ros.data.lidar import project_points, read_points
from prv2_ros.data.recording_settings import read_settings
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError

SETTINGS = "prv2_data.yaml"
CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}


def read_colour_message(message: Any) -> np.ndarray:
    """uint8 (H, W, 3) RGB of an Image or CompressedImage.

    Raises:
        DataError: the encoding is not 8-bit colour or grey, or the bytes do not fit it.
    """
    if hasattr(message, "format"):
        bgr = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise DataError(f"a compressed image ('{message.format}') cannot be decoded")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    channels = CHANNELS.get(message.encoding)
    if channels is None:
        raise DataError(f"image encoding '{message.encoding}' is none of {', '.join(CHANNELS)}")
    if message.step < message.width * channels or len(message.data) != message.step * message.height:
        raise DataError(f"image of {message.width}x{message.height} has {len(message.data)} bytes, step {message.step}")
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1] if message.encoding.startswith("bgr") else pixels[..., :3])


class RecordingDataset:
    """Frames of a bag.

    The yaml beside the recording says what is what (`RecordingSettings`):

        image: /camera/image_rect/compressed
        camera_info: /camera/camera_info
        depth: /camera/depth/image_rect        # or points:
        points: /lidar/points
        camera_from_lidar: [[r, r, r, x], [r, r, r, y], [r, r, r, z]]   # 3x4, optical frame from LiDAR frame
        max_gap_s: 0.05                        # between an image and its depth
        every: 5                               # keep each fifth image
        licence: proprietary

    Args:
        path: bag folder or file.
        split: None or "train" for all, "val" for the last tenth in time.
        settings: the yaml; `prv2_data.yaml` inside the bag folder, or FILE.yaml beside a bag file, if None.
        include, exclude: patterns of frame names (recording times in nanoseconds).

    Raises:
        DataError: the yaml or a topic is missing, the camera is not calibrated, or no image has depth near it.
    """

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        settings: Path | None = None,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        if settings is None:
            settings = self.path / SETTINGS if self.path.is_dir() else self.path.with_suffix(".yaml")
        self.settings = read_settings(settings)
        self.name = self.path.stem
        self.licence = self.settings.licence
        self.sparse = not self.settings.depth
        self._bag: BagReader | None = None
        self._pairs = self._match()
        if not self._pairs:
            raise DataError(f"{self.path}: no image has depth within {self.settings.max_gap_s} s")
        names = list(self._pairs)
        last = names[int(len(names) * 0.9) :]
        stated = {"train": names[: len(names) - len(last)], "val": last}
        self.names = select_names(
            names,
            set_name=self.name,
            split=split,
            group_of=lambda _: self.name,
            include=include,
            exclude=exclude,
            stated=stated,
        )

    def _reader(self) -> BagReader:
        if self._bag is None:
            self._bag = BagReader(self.path)
        return self._bag

    def close(self) -> None:
        """Close the bag; reading a frame opens it again."""
        bag, self._bag = getattr(self, "_bag", None), None
        if bag is not None:
            bag.close()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        # An open file does not travel to a loader's worker: each opens its own.
        return {**self.__dict__, "_bag": None}

    def _match(self) -> dict[str, tuple[int, int]]:
        """Record times of each image and of the depth nearest to it by its stamp."""
        bag = self._reader()
        stamps: dict[str, list[tuple[int, int]]] = {self.settings.image: [], self.settings.depth_topic: []}
        for topic in stamps:
            bag.topic(topic)
        for record in bag.messages(stamps.keys()):
            stamps[record.topic].append((stamp_ns(bag.decode(record)), record.time_ns))
        depths = sorted(stamps[self.settings.depth_topic])
        keys = [stamp for stamp, _ in depths]
        gap_ns = self.settings.max_gap_s * 1e9
        pairs = {}
        for stamp, time_ns in sorted(stamps[self.settings.image])[:: self.settings.every]:
            place = bisect_left(keys, stamp)
            near = min(depths[max(0, place - 1) : place + 1], key=lambda d: abs(d[0] - stamp), default=None)
            if near is not None and abs(near[0] - stamp) <= gap_ns:
                pairs[str(stamp)] = (time_ns, near[1])
        return pairs

    def _message(self, topic: str, time_ns: int | None = None) -> Any:
        bag = self._reader()
        stop = None if time_ns is None else time_ns + 1
        record = next(iter(bag.messages([topic], start_ns=time_ns, stop_ns=stop)), None)
        if record is None:
            raise DataError(f"{self.path} has no message on {topic}")
        return bag.decode(record)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        image_ns, depth_ns = self._pairs[name]
        rgb = read_colour_message(self._message(self.settings.image, image_ns))
        height, width = rgb.shape[:2]
        intrinsics = read_intrinsics(self._message(self.settings.camera_info), width=width, height=height)
        if intrinsics is None:
            raise DataError(f"{self.path}: {self.settings.camera_info} is uncalibrated (K is zero)")
        message = self._message(self.settings.depth_topic, depth_ns)
        transform = self.settings.camera_from_lidar
        if transform is not None:
            depth = project_points(read_points(message), transform, intrinsics, (height, width))
        else:
            depth = np.nan_to_num(read_depth_message(message), nan=0.0, posinf=0.0, neginf=0.0)
            depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return Sample(
            rgb=rgb,
            depth_m=depth,
            focal_px=intrinsics[:2],
            name=name,
            set_name=self.name,
            group=self.name,
            sparse=self.sparse,
        )
