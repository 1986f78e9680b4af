# SPDX-License-Identifier: Apache-2.0
"""A robot's own recordings: images with depth images or LiDAR from a rosbag2 bag, joined by time."""

import logging
import os
from bisect import bisect_left
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.bags.reader import BagReader
from prv2_ros.camera import CameraModel
from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.lidar import project_points, read_points
from prv2_ros.data.recording_settings import read_settings
from prv2_ros.errors import DataError
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb

SETTINGS = "prv2_data.yaml"
MAX_PIXELS = 1 << 28
# A larger difference between the aspect ratios means another field of view; rounding to whole pixels explains less.
_ASPECT_TOLERANCE = 0.02

_log = logging.getLogger(__name__)
_Place = tuple[int, int]  # stamp and time of the record, ns


class RecordingDataset(FrameSet):
    """Frames of a bag, rectified: the camera is P of its camera_info, with roi and binning (REP 104).

    `RecordingSettings` come from prv2_data.yaml in the bag folder, or from FILE.yaml beside a bag file. Frames are
    named by stamp [ns]; "val" is the last tenth in time, "train" what is before, which is never empty.

    Raises:
        DataError: the yaml or a topic is missing, the camera is not calibrated, images share a stamp, no image has
            depth near it, or a frame's depth and image differ in field of view.
        ImageError: an image of a frame cannot be read.
    """

    _bag: BagReader | None = None
    _process = 0

    def _find(self) -> tuple[list[str], dict[str, list[str]]]:
        folder = self.path.is_dir()
        self.settings = read_settings(self.path / SETTINGS if folder else self.path.with_suffix(".yaml"))
        self.name = self.path.name if folder else self.path.stem
        self.licence = self.settings.licence
        self.sparse = not self.settings.depth
        self._cameras: dict[tuple[int, int], CameraModel] = {}
        try:
            self._pairs = self._match()
        finally:
            self.close()
        if not self._pairs:
            raise DataError(f"{self.path}: no image has depth within {self.settings.max_gap_s} s")
        names = list(self._pairs)
        last = names[max(1, int(len(names) * 0.9)) :]
        return names, {"train": names[: len(names) - len(last)], "val": last}

    def group_of(self, name: str) -> str:
        """The recording."""
        return self.name

    def _reader(self) -> BagReader:
        # A loader's workers are forked: one file offset shared by several processes would mix up their reads.
        if self._bag is None or self._process != os.getpid():
            self._bag, self._process = BagReader(self.path), os.getpid()
        return self._bag

    def close(self) -> None:
        """Close the bag; reading a frame opens it again."""
        bag, self._bag = self._bag, None
        if bag is not None:
            bag.close()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        # An open file does not travel to a loader's worker: each opens its own.
        return {**self.__dict__, "_bag": None, "_cameras": {}}

    def _match(self) -> dict[str, tuple[_Place, _Place]]:
        """Places of each image and of the depth nearest to it by its stamp."""
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
                "aligned_depth_to_color), otherwise it belongs to other pixels",
                *(self.path, colour, frames[colour], measured, frames[measured]),
            )
        depths = sorted(places[self.settings.depth_topic])
        keys = [stamp for stamp, _ in depths]
        images = sorted(places[self.settings.image])
        for (stamp, _), (following, _) in pairwise(images):
            if stamp == following:
                raise DataError(
                    f"{self.path}: two images of {self.settings.image} have the stamp {stamp}; header.stamp "
                    "identifies images and joins them with their depth: record them with the time of the exposure"
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
        raise DataError(f"{self.path}: the message of {topic} with stamp {stamp} has disappeared")

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

    def _read(self, name: str) -> dict[str, Any]:
        image_place, depth_place = self._pairs[name]
        image = self._message(self.settings.image, image_place)
        rgb = (compressed_to_rgb if hasattr(image, "format") else image_to_rgb)(image, max_pixels=MAX_PIXELS)
        height, width = rgb.shape[:2]
        camera = self._camera(width, height)
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
        return {"rgb": camera.rectify(rgb), "depth_m": depth, "focal_px": (fx, fy)}

    def _check_aspect(self, depth: np.ndarray, width: int, height: int) -> None:
        rows, columns = depth.shape
        if abs(columns * height / (rows * width) - 1) > _ASPECT_TOLERANCE:
            raise DataError(
                f"{self.path}: depth of {self.settings.depth} is {columns}x{rows}, its image {width}x{height}, so it "
                "belongs to another camera: record depth that is registered to the image (aligned_depth_to_color)"
            )
