# SPDX-License-Identifier: Apache-2.0
"""A robot's own recordings: images with depth images or LiDAR from a rosbag2 bag, joined by time."""

import logging
import os
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.bags.reader import BagReader
from prv2_ros.camera import CameraModel
from prv2_ros.data.lidar import project_points, read_points
from prv2_ros.data.recording_settings import read_settings
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb

SETTINGS = "prv2_data.yaml"
MAX_PIXELS = 1 << 28
# Sizes whose ratios of the axes differ by more show another field of view; whole pixels account for less.
_ASPECT_TOLERANCE = 0.02

_log = logging.getLogger(__name__)
_Place = tuple[int, int]  # stamp and time of the record, ns


class RecordingDataset:
    """Frames of a bag, rectified: the camera is P of its camera_info, with roi and binning (REP 104).

    The yaml beside the recording says what is what (`RecordingSettings`):

        image: /camera/image_rect/compressed
        camera_info: /camera/camera_info
        rectified: true                        # false: lens distortion is taken out as the frames are read
        depth: /camera/depth/image_rect        # of the rectified image; or points:
        points: /lidar/points
        camera_from_lidar: [[r, r, r, x], [r, r, r, y], [r, r, r, z]]   # 3x4, optical frame from LiDAR frame
        max_gap_s: 0.05                        # between an image and its depth
        every: 5                               # keep each fifth image
        licence: proprietary

    Args:
        path: bag folder or file.
        split: None for all, "val" for the last tenth in time, "train" for what is before, which is never empty.
        settings: the yaml; `prv2_data.yaml` inside the bag folder, or FILE.yaml beside a bag file, if None.
        include, exclude: patterns of frame names (stamps in nanoseconds).

    Raises:
        DataError: the yaml or a topic is missing, the camera is not calibrated, images share a stamp, no image has
            depth near it, or depth of a frame shows another field of view than its image.
        ImageError: an image of a frame cannot be read.
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
        self.name = self.path.name if self.path.is_dir() else self.path.stem
        self.licence = self.settings.licence
        self.sparse = not self.settings.depth
        self._bag: BagReader | None = None
        self._process = 0
        self._cameras: dict[tuple[int, int], CameraModel] = {}
        try:
            self._pairs = self._match()
        finally:
            self.close()
        if not self._pairs:
            raise DataError(f"{self.path}: no image has depth within {self.settings.max_gap_s} s")
        names = list(self._pairs)
        last = names[max(1, int(len(names) * 0.9)) :]
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
        # A loader's workers are forked: one file offset shared by several processes would mix up their reads.
        if self._bag is None or self._process != os.getpid():
            self._bag, self._process = BagReader(self.path), os.getpid()
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
        return {**self.__dict__, "_bag": None, "_cameras": {}}

    def _match(self) -> dict[str, tuple[_Place, _Place]]:
        """Where each image and the depth nearest to it by its stamp lie."""
        bag = self._reader()
        places: dict[str, list[_Place]] = {self.settings.image: [], self.settings.depth_topic: []}
        frames: dict[str, str] = {}
        for topic in places:
            bag.topic(topic)
        try:
            for record in bag.messages(places.keys()):
                message = bag.decode(record)
                places[record.topic].append((stamp_ns(message), record.time_ns))
                frames.setdefault(record.topic, message.header.frame_id)
        except DataError as error:
            if not bag.damage:
                raise
            _log.warning("%s", error)
        if self.settings.depth and len(set(frames.values())) > 1:
            colour, measured = places
            _log.warning(
                "%s: %s is in frame '%s', %s in '%s'; depth has to be registered to the image (such as "
                "aligned_depth_to_color), or it is that of other pixels",
                *(self.path, colour, frames[colour], measured, frames[measured]),
            )
        depths = sorted(places[self.settings.depth_topic])
        keys = [stamp for stamp, _ in depths]
        images = sorted(places[self.settings.image])
        for (stamp, _), (following, _) in pairwise(images):
            if stamp == following:
                raise DataError(
                    f"{self.path}: two images of {self.settings.image} have the stamp {stamp}; images are told apart "
                    "and joined with their depth by header.stamp: record them with the stamps of the exposure"
                )
        gap_ns = self.settings.max_gap_s * 1e9
        pairs = {}
        for image in images[:: self.settings.every]:
            stamp = image[0]
            place = bisect_left(keys, stamp)
            near = min(depths[max(0, place - 1) : place + 1], key=lambda d: abs(d[0] - stamp), default=None)
            if near is not None and abs(near[0] - stamp) <= gap_ns:
                pairs[str(stamp)] = (image, near)
        return pairs

    def _message(self, topic: str, place: _Place) -> Any:
        # Several messages may have been recorded at one time, as with a simulator's clock: the stamp decides.
        stamp, time_ns = place
        bag = self._reader()
        for record in bag.messages([topic], start_ns=time_ns, stop_ns=time_ns + 1):
            message = bag.decode(record)
            if stamp_ns(message) == stamp:
                return message
        raise DataError(f"{self.path}: the message of {topic} with stamp {stamp} has gone")

    def _camera(self, width: int, height: int) -> CameraModel:
        if (width, height) in self._cameras:
            return self._cameras[width, height]
        topic = self.settings.camera_info
        bag = self._reader()
        record = next(iter(bag.messages([topic])), None)
        if record is None:
            raise DataError(f"{self.path} has no message on {topic}")
        info = bag.decode(record)
        camera = CameraModel.from_info(info, width=width, height=height, input_rectified=self.settings.rectified)
        if not camera.calibrated:
            raise DataError(f"{self.path}: {topic}: {camera.problems[0][1]}")
        self._cameras[width, height] = camera
        return camera

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        image_place, depth_place = self._pairs[name]
        image = self._message(self.settings.image, image_place)
        rgb = (compressed_to_rgb if hasattr(image, "format") else image_to_rgb)(image, max_pixels=MAX_PIXELS)
        height, width = rgb.shape[:2]
        camera = self._camera(width, height)
        rgb = camera.rectify(rgb)
        (fx, _, cx), (_, fy, cy), _ = camera.matrix.tolist()
        message = self._message(self.settings.depth_topic, depth_place)
        transform = self.settings.camera_from_lidar
        if transform is not None:
            depth = project_points(read_points(message), transform, (fx, fy, cx, cy), (height, width))
        else:
            depth = np.nan_to_num(read_depth_message(message), nan=0.0, posinf=0.0, neginf=0.0)
            self._check_aspect(depth, width, height)
            depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        if camera.outside is not None:
            depth = np.where(camera.outside, np.float32(0), depth)
        return Sample(
            rgb=rgb,
            depth_m=depth,
            focal_px=(fx, fy),
            name=name,
            set_name=self.name,
            group=self.name,
            sparse=self.sparse,
        )

    def _check_aspect(self, depth: np.ndarray, width: int, height: int) -> None:
        rows, columns = depth.shape
        if abs(columns * height / (rows * width) - 1) > _ASPECT_TOLERANCE:
            raise DataError(
                f"{self.path}: depth of {self.settings.depth} is {columns}x{rows}, its image {width}x{height}, so it "
                "is of another camera: record depth that is registered to the image (such as aligned_depth_to_color)"
            )
