# SPDX-License-Identifier: Apache-2.0
"""Which camera_info belongs to which image of a recording, and the camera that the two make together."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prv2_ros.bags.calibration_file import read_calibration
from prv2_ros.bags.types import CAMERA_INFO_TYPE, typestore
from prv2_ros.camera import CameraModel
from prv2_ros.camera.info import info_key
from prv2_ros.errors import DataError

# (stamp in ns, CDR of a CameraInfo) in the order of stamps.
Infos = tuple[tuple[int, bytes], ...]
_MODELS = 8


class Calibrations:
    """The camera of every image: by the camera_info of the same stamp, else the last before it, else the first.

    Args:
        infos: Of each image topic, as `InfoCollector.entries` gives them; plain data, to be sent to other processes.
        rectify: Remove lens distortion.
    """

    def __init__(self, infos: Mapping[str, Infos], *, rectify: bool):
        self._rectify = rectify
        self._stamps = {topic: [stamp for stamp, _ in entries] for topic, entries in infos.items()}
        self._data = {topic: [data for _, data in entries] for topic, entries in infos.items()}
        self._models: dict[tuple, CameraModel] = {}

    def of_image(self, topic: str, stamp: int, *, width: int, height: int, rectified: bool) -> CameraModel:
        """Camera of an image of this stamp and size [px]; the same object while nothing changes.

        Args:
            topic: Of the image.
            stamp: Of the image, ns.
            width: Of the image.
            height: Of the image.
            rectified: The image has no distortion any more: P is its camera.
        """
        stamps = self._stamps.get(topic, [])
        if not stamps:
            text = "no camera_info; depth has no metric scale, no points"
            return CameraModel(width=width, height=height, problems=(("no_camera_info", text),))
        index = max(bisect_right(stamps, stamp) - 1, 0)
        key = (topic, index, width, height, rectified)
        model = self._models.get(key)
        if model is None:
            info = typestore().deserialize_cdr(self._data[topic][index], CAMERA_INFO_TYPE)
            model = CameraModel.from_info(
                info, width=width, height=height, rectify=self._rectify, input_rectified=rectified
            )
            # Several threads ask at once; each may make the model, and the oldest goes first.
            if len(self._models) >= _MODELS:
                self._models.pop(next(iter(self._models)), None)
            self._models[key] = model
        return model


class InfoCollector:
    """Gathers the camera_info messages of one topic and keeps those that say something new."""

    def __init__(self) -> None:
        self._known: list[tuple[int, tuple, bytes]] = []

    def add(self, stamp: int, info: Any) -> None:
        """Take a CameraInfo of this stamp [ns]."""
        key = info_key(info)
        if not self._known or self._known[-1][1] != key:
            self._known.append((stamp, key, bytes(typestore().serialize_cdr(info, CAMERA_INFO_TYPE))))

    def entries(self) -> Infos:
        """What is needed to know the camera at any time."""
        return tuple((stamp, data) for stamp, _, data in sorted(self._known, key=lambda entry: entry[0]))


def fixed_info(info: Any) -> Infos:
    """One CameraInfo for all times."""
    return ((0, bytes(typestore().serialize_cdr(info, CAMERA_INFO_TYPE))),)


def assign_files(files: Sequence[tuple[str | None, Path]], topics: Sequence[str]) -> dict[str, Any]:
    """CameraInfo of each image topic that a calibration file is given for.

    Args:
        files: (image topic or None for every topic, calibration file).
        topics: The image topics that get depth.

    Raises:
        DataError: A file cannot be read, or is for a topic that gets no depth.
    """
    found: dict[str, Any] = {}
    for topic, path in sorted(files, key=lambda entry: entry[0] is not None):
        if topic is not None and topic not in topics:
            raise DataError(f"--camera-info names {topic}, which gets no depth; {', '.join(topics)} do")
        info = read_calibration(path)
        found.update(dict.fromkeys([topic] if topic else topics, info))
    return found
