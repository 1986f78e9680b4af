# SPDX-License-Identifier: Apache-2.0
"""Files of data sets: colour pictures, and depth or disparity in 16-bit PNGs or arrays."""

from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import DataError


def _read(path: Path, flags: int) -> np.ndarray | None:
    image = cv2.imread(str(path), flags)
    if image is None and not path.is_file():
        raise DataError(f"{path} is missing")
    return image


def read_colour(path: Path) -> np.ndarray:
    """uint8 (H, W, 3) RGB; a DataError where the file is no picture."""
    # Depth has no orientation tag: a picture turned by its own would not fit it.
    bgr = _read(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise DataError(f"{path} cannot be read as a picture")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_16_bit(path: Path) -> np.ndarray:
    """uint16 (H, W); a DataError where the file is not a 16-bit PNG of one channel."""
    raw = _read(path, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype != np.uint16 or raw.ndim != 2:
        raise DataError(f"{path} is not a 16-bit one-channel PNG")
    return raw


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file; a DataError where it is missing, damaged, or pickled (objects are not unpickled)."""
    try:
        return np.load(path)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an array: {error}") from error


def check_sizes(name: str, depth: np.ndarray, rgb: np.ndarray) -> None:
    """Raise a DataError where a depth or disparity map and its picture differ in size."""
    if depth.shape != rgb.shape[:2]:
        raise DataError(f"{name} is {depth.shape}, its picture {rgb.shape[:2]}: sizes have to agree")
