# SPDX-License-Identifier: Apache-2.0
"""The yaml that says which topics of a recording are what."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prv2_ros.errors import DataError


@dataclass(frozen=True)
class RecordingSettings:
    """What a recording's yaml says.

    Attributes:
        image: topic of the pictures, raw or compressed.
        camera_info: topic of their calibration.
        rectified: the pictures have no lens distortion any more; otherwise it is taken out as they are read.
        depth: topic of depth images of the rectified pictures, or empty.
        points: topic of LiDAR clouds, or empty; one of both is given.
        camera_from_lidar: (3, 4) float64, the camera's optical frame from the LiDAR's; only with points.
        max_gap_s: longest time between an image and its depth.
        every: each so-manieth image is kept.
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
        """Where depth comes from."""
        return self.depth or self.points


def read_settings(path: Path) -> RecordingSettings:
    """Read a recording's yaml.

    Raises:
        DataError: the file is missing or no yaml, a key is unknown or missing, or a value makes no sense.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: it names the topics of the recording") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict) or not {"image", "camera_info"} <= values.keys():
        raise DataError(f"{path} must name image, camera_info, and depth or points")
    known = [field.name for field in fields(RecordingSettings)]
    unknown = [str(key) for key in values if key not in known]
    if unknown:
        raise DataError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    if bool(values.get("depth")) == bool(values.get("points")):
        raise DataError(f"{path} must name either depth or points")
    return RecordingSettings(**{**values, **_checked(path, values)})


def _checked(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values that are not plain texts, in their own types."""
    checked: dict[str, Any] = {"licence": str(values.get("licence", RecordingSettings.licence))}
    try:
        checked["max_gap_s"] = float(values.get("max_gap_s", RecordingSettings.max_gap_s))
        checked["every"] = int(values.get("every", RecordingSettings.every))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: max_gap_s and every are numbers ({error})") from error
    if not isinstance(values.get("rectified", True), bool):
        raise DataError(f"{path}: rectified is true or false, not '{values['rectified']}'")
    if not checked["max_gap_s"] >= 0 or checked["every"] < 1:
        raise DataError(f"{path}: max_gap_s is at least 0 and every at least 1")
    if values.get("points"):
        checked["camera_from_lidar"] = _transform(path, values.get("camera_from_lidar"))
    return checked


def _transform(path: Path, rows: Any) -> np.ndarray:
    # Points taken as if they stood in the optical frame would give wrong depth that nothing else notices.
    try:
        transform = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        transform = np.empty(0)
    if transform.shape not in ((3, 4), (4, 4)) or not np.isfinite(transform).all():
        raise DataError(
            f"{path}: points need camera_from_lidar, 3 rows of 4 numbers: the camera's optical frame from the LiDAR's"
        )
    return transform[:3]
