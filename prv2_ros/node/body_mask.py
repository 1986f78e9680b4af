# SPDX-License-Identifier: Apache-2.0
"""The mask of the robot's own body in the camera image: an image file or polygons."""

import re
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError, Prv2Error
from prv2_ros.media.images import read_image


def parse_mask(text: str) -> list[np.ndarray] | Path | None:
    """Polygons ((n, 2) corners as shares of width and height), the path of an image, or None for no mask.

    Raises:
        Prv2Error: The text is none of these.
    """
    text = text.strip()
    if not text:
        return None
    if re.fullmatch(r"[-+\d.,;\s]+", text):
        return [_polygon(part) for part in text.split(";") if part.strip()]
    path = Path(text).expanduser()
    if "\0" in text or not path.is_file():
        raise Prv2Error(f"mask '{text[:200]}' is neither a file nor polygons such as 0,0.8 1,0.8 1,1 0,1")
    return path


def _polygon(text: str) -> np.ndarray:
    try:
        corners = np.array([[float(value) for value in corner.split(",")] for corner in text.split()])
    except ValueError:
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not ((corners >= 0) & (corners <= 1)).all():
        raise Prv2Error(
            f"mask '{text.strip()[:200]}' is not a polygon: give three or more corners x,y as shares (0 to 1) of width "
            "and height"
        )
    return corners


@lru_cache(maxsize=8)
def body_mask(text: str, height: int, width: int) -> np.ndarray | None:
    """(H, W) bool of the parameter `mask`, true where the robot is; None for no mask.

    An image is stretched to the size; pixels from half grey to white are the robot.

    Raises:
        Prv2Error: The text is not a mask, or its file is not an image.
    """
    found = parse_mask(text)
    if found is None:
        return None
    if isinstance(found, Path):
        try:
            picture = read_image(found)[..., 1]
        except ImageError as error:
            raise Prv2Error(f"mask: {error}") from None
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST) >= 128
    canvas = np.zeros((height, width), np.uint8)
    for corners in found:
        cv2.fillPoly(canvas, [np.round(corners * (width - 1, height - 1)).astype(np.int32)], 1)
    return canvas.astype(bool)
