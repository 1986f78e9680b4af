# SPDX-License-Identifier: Apache-2.0
"""The focal length of a photograph by its EXIF tags, unless they contradict each other."""

from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.media.picture_files import open_picture

_FULL_FRAME_DIAGONAL_MM = 43.27
_FOCAL_35MM, _FOCAL_MM = 0xA405, 0x920A
_PLANE_X, _PLANE_UNIT, _EXIF_WIDTH, _EXIF_HEIGHT = 0xA20E, 0xA210, 0xA002, 0xA003
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0}
# Sensor widths from compact cameras to medium format.
_SENSOR_MM = (3.0, 70.0)


def exif_focal_px(path: str | Path) -> float | None:
    """Focal length in pixels of the stored image, by its EXIF tags; None if missing or implausible.

    Uses the 35 mm equivalent by the diagonal (43.27 mm), else the focal length in millimetres and the pixel pitch,
    scaled for resized images. Tools that change the size but not all tags leave an impossible sensor size: then None.
    """
    from prv2_ros.camera.sense import why_no_focal

    try:
        facts = open_picture(Path(path).read_bytes())
        if facts is None:
            return None
        focal_px = _focal_px(facts.tags, facts.width, facts.height)
    except (OSError, ValueError, TypeError, ZeroDivisionError):
        return None
    if focal_px is None or why_no_focal(focal_px, focal_px, facts.width, facts.height):
        return None
    return focal_px


def _focal_px(tags: Any, width: int, height: int) -> float | None:
    equivalent_mm = float(tags.get(_FOCAL_35MM) or 0)
    if equivalent_mm > 0:
        return equivalent_mm * float(np.hypot(width, height)) / _FULL_FRAME_DIAGONAL_MM
    focal_mm, per_unit = float(tags.get(_FOCAL_MM) or 0), float(tags.get(_PLANE_X) or 0)
    unit_mm = _UNIT_MM.get(tags.get(_PLANE_UNIT, 2))
    if not (focal_mm > 0 and per_unit > 0 and unit_mm):
        return None
    # Compare the longer sides, since the image may be rotated.
    taken = max(float(tags.get(_EXIF_WIDTH) or 0), float(tags.get(_EXIF_HEIGHT) or 0))
    longer = float(max(width, height))
    sensor_mm = (taken or longer) * unit_mm / per_unit
    if not _SENSOR_MM[0] <= sensor_mm <= _SENSOR_MM[1]:
        return None
    return focal_mm * per_unit / unit_mm * (longer / taken if taken > 0 else 1.0)
