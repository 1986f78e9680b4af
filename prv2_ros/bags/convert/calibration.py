# SPDX-License-Identifier: Apache-2.0
"""Finds the camera_info and the camera model of each image of a recording."""

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from prv2_ros.bags.calibration_file import read_calibration
from prv2_ros.bags.types import CAMERA_INFO_TYPE, typestore
from prv2_ros.camera import UNCALIBRATED, CameraModel
from prv2_ros.camera.info import info_key
from prv2_ros.errors import DataError

# For each topic: around a change of camera_info, images before and after it are decoded at the same time.
_MODELS = 2


class Infos(NamedTuple):
    """The changes of camera_info of one image topic; plain data, so that other processes can receive it.

    Attributes:
        entries: (time in ns, CDR of a CameraInfo) in time order.
        by_arrival: The times are arrival times, because the messages have no stamps.
    """

    entries: tuple[tuple[int, bytes], ...] = ()
    by_arrival: bool = False


class Calibrations:
    """The camera of every image: by the camera_info of the same stamp, else the last before it, else the first.

    Without stamps, the last one that arrived before the image counts. Thread-safe.
    """

    def __init__(self, infos: Mapping[str, Infos], *, rectify: bool):
        self._rectify = rectify
        self._infos = dict(infos)
        self._times = {topic: [time for time, _ in known.entries] for topic, known in infos.items()}
        self._models: dict[str, dict[tuple, CameraModel]] = {}
        self._lock = threading.Lock()

    def of_image(
        self, topic: str, stamp: int, *, arrival: int, width: int, height: int, rectified: bool
    ) -> CameraModel:
        """Camera of an image with this stamp and arrival time [ns] and size [px]; the same object until a change.

        With `rectified` the image is rectified already, and P describes it.
        """
        times = self._times.get(topic)
        if not times:
            problem = ("no_camera_info", f"no camera_info; {UNCALIBRATED}")
            return CameraModel(width=width, height=height, problems=(problem,))
        infos = self._infos[topic]
        index = max(bisect_right(times, arrival if infos.by_arrival else stamp) - 1, 0)
        key = (index, width, height, rectified)
        with self._lock:
            models = self._models.setdefault(topic, {})
            if key not in models:
                info = typestore().deserialize_cdr(infos.entries[index][1], CAMERA_INFO_TYPE)
                if len(models) >= _MODELS:
                    del models[next(iter(models))]
                models[key] = CameraModel.from_info(
                    info, width=width, height=height, rectify=self._rectify, input_rectified=rectified
                )
            return models[key]


class InfoCollector:
    """Collects the camera_info messages of one topic and keeps the changes."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, int, tuple]] = []
        self._data: dict[tuple, bytes] = {}

    def add(self, stamp: int, arrival: int, info: Any) -> None:
        """Add a CameraInfo with this stamp and arrival time [ns]."""
        key = info_key(info)
        if key not in self._data:
            self._data[key] = bytes(typestore().serialize_cdr(info, CAMERA_INFO_TYPE))
        self._seen.append((stamp, arrival, key))

    def entries(self) -> Infos:
        """The changes, in time order."""
        by_arrival = any(stamp == 0 for stamp, _, _ in self._seen)
        timed = sorted(
            ((arrival if by_arrival else stamp, key) for stamp, arrival, key in self._seen), key=lambda entry: entry[0]
        )
        changes = (next(same) for _, same in groupby(timed, key=lambda entry: entry[1]))
        return Infos(tuple((time, self._data[key]) for time, key in changes), by_arrival)


def fixed_info(info: Any) -> Infos:
    """One CameraInfo for the whole recording."""
    return Infos(((0, bytes(typestore().serialize_cdr(info, CAMERA_INFO_TYPE))),))


def assign_files(files: Sequence[tuple[str | None, Path]], topics: Sequence[str]) -> dict[str, Any]:
    """CameraInfo by image topic, from (image topic or None for all, calibration file).

    Raises:
        DataError: A file cannot be read, or its topic gets no depth.
    """
    found: dict[str, Any] = {}
    for topic, path in sorted(files, key=lambda entry: entry[0] is not None):
        if topic is not None and topic not in topics:
            raise DataError(f"--camera-info names {topic}, which gets no depth; choose from {', '.join(topics)}")
        info = read_calibration(path)
        found.update(dict.fromkeys([topic] if topic else topics, info))
    return found
