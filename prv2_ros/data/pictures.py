# SPDX-License-Identifier: Apache-2.0
"""Pictures of data sets: colour, and depth or disparity in 16-bit PNGs or arrays."""

from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import DataError


def read_colour(path: Path) -> np.ndarray:
    """uint8 (H, W, 3) RGB.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    # Depth has no orientation tag: a picture turned by its own would not fit it.
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        _refuse_missing(path)
        raise DataError(f"{path} cannot be read as a picture")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_16_bit(path: Path) -> np.ndarray:
    """uint16 (H, W).

    Raises:
        DataError: the file is not a 16-bit PNG of one channel.
    """
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None:
        _refuse_missing(path)
    if raw is None or raw.dtype != np.uint16 or raw.ndim != 2:
        raise DataError(f"{path} is not a 16-bit one-channel PNG")
    return raw


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing")


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file.

    Raises:
        DataError: the file is missing or damaged, or holds Python objects, which are never unpickled.
    """
    try:
        return np.load(path)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an array: {error}") from error


def check_sizes(name: str, depth: np.ndarray, rgb: np.ndarray) -> None:
    """Refuse a depth or disparity map of another size than its picture.

    Raises:
        DataError: they do not agree.
    """
    if depth.shape != rgb.shape[:2]:
        raise DataError(f"{name} is {depth.shape}, its picture {rgb.shape[:2]}: they must agree")
