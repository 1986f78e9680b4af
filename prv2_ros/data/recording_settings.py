# SPDX-License-Identifier: Apache-2.0
"""The yaml that names the topics of a recording."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prv2_ros.errors import DataError


@dataclass(frozen=True)
class RecordingSettings:
    """The keys of a recording's yaml.

    Attributes:
        image: topic of the pictures, raw or compressed.
        camera_info: topic of their calibration.
        rectified: the pictures have no lens distortion; otherwise it is removed while reading.
        depth: topic of depth images of the rectified pictures; either this or `points`.
        points: topic of LiDAR clouds.
        camera_from_lidar: (3, 4) float64, the camera's optical frame from the LiDAR's; only with points.
        max_gap_s: longest time between an image and its depth.
        every: keep only each n-th image.
        licence: of the recording.
    """

    image: str
    camera_info: str
    rectified: bool = True
    depth: str = ""
    points: str = ""
    camera_from_lidar: np.ndarray | None = None
    max_gap_s: float = 0.05
    every: int = 1
    licence: str = "own recording"

    @property
    def depth_topic(self) -> str:
        """The topic that depth comes from."""
        return self.depth or self.points


def read_settings(path: Path) -> RecordingSettings:
    """Read a recording's yaml.

    Raises:
        DataError: the file is missing or not YAML, a key is unknown or missing, or a value is out of range.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: it names the topics of the recording") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict) or not {"image", "camera_info"} <= values.keys():
        raise DataError(f"{path} must name image, camera_info, and depth or points")
    defaults = {field.name: field.default for field in fields(RecordingSettings)}
    unknown = [str(key) for key in values if key not in defaults]
    if unknown:
        raise DataError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(defaults)}")
    if bool(values.get("depth")) == bool(values.get("points")):
        raise DataError(f"{path} must name either depth or points")
    values = {**defaults, **values}
    values["licence"] = str(values["licence"])
    try:
        values["max_gap_s"], values["every"] = float(values["max_gap_s"]), int(values["every"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: max_gap_s and every are numbers ({error})") from error
    if not isinstance(values["rectified"], bool):
        raise DataError(f"{path}: rectified is true or false, not '{values['rectified']}'")
    if not values["max_gap_s"] >= 0 or values["every"] < 1:
        raise DataError(f"{path}: max_gap_s is at least 0 and every at least 1")
    rows = values["camera_from_lidar"]
    values["camera_from_lidar"] = _transform(path, rows) if values["points"] else None
    return RecordingSettings(**values)


def _transform(path: Path, rows: Any) -> np.ndarray:
    # Points in the LiDAR's frame that are used as if they were in the optical frame give wrong depth silently.
    try:
        transform = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        transform = np.empty(0)
    if transform.shape not in ((3, 4), (4, 4)) or not np.isfinite(transform).all():
        raise DataError(
            f"{path}: points need camera_from_lidar, 3 rows of 4 numbers: the camera's optical frame from the LiDAR's"
        )
    return transform[:3]
