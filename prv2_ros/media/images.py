# SPDX-License-Identifier: Apache-2.0
"""Reading and writing images, and the focal length that a photograph states about itself."""

import contextlib
import os
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_FULL_FRAME_DIAGONAL_MM = 43.27
_EXIF_IFD, _FOCAL_35MM, _FOCAL_MM = 0x8769, 0xA405, 0x920A
_PLANE_X, _PLANE_UNIT, _EXIF_WIDTH = 0xA20E, 0xA210, 0xA002
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0}


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as 8-bit RGB, turned upright as its EXIF orientation says.

    Args:
        path: Any format OpenCV reads; grey becomes three equal channels, 16 bit is scaled to 8, alpha is dropped.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: There is no such file, it is empty, or it is no image.
    """
    path = Path(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from None
    if data.size == 0:
        raise ImageError(f"{path} is empty")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        raise ImageError(f"{path} is not an image that can be read (damaged, or none of {' '.join(IMAGE_SUFFIXES)})")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_image(path: str | Path, rgb: np.ndarray, *, jpeg_quality: int = 92) -> None:
    """Write (H, W, 3) uint8 RGB, or any single-channel picture, in the format of the file's suffix.

    The file appears whole or not at all.

    Raises:
        ImageError: The suffix is no image format, or the folder cannot be written.
    """
    path = Path(path)
    picture = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR) if rgb.ndim == 3 else rgb
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    try:
        done, data = cv2.imencode(path.suffix, picture, options)
    except cv2.error:
        done = False
    if not done:
        raise ImageError(f"cannot write {path}: '{path.suffix}' is not one of {' '.join(IMAGE_SUFFIXES)}")
    write_whole(path, data.tobytes())


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and move it there, so that a reader or a crash never meets half a file.

    Raises:
        ImageError: The folder cannot be made or written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ImageError(f"cannot write {path}: {error.strerror or error}") from None


def exif_focal_px(path: str | Path) -> float | None:
    """Focal length in pixels of the stored image, from its EXIF tags; None when they do not tell.

    The 35 mm equivalent is taken by the diagonal (43.27 mm), as cameras state it; without it the focal length in
    millimetres and the sensor's pixel pitch are used, scaled when the image was resized after it was taken.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            width, height = image.size
            tags = image.getexif().get_ifd(_EXIF_IFD)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    try:
        equivalent_mm = float(tags.get(_FOCAL_35MM) or 0)
        focal_mm, per_unit = float(tags.get(_FOCAL_MM) or 0), float(tags.get(_PLANE_X) or 0)
        unit_mm, taken_width = _UNIT_MM.get(tags.get(_PLANE_UNIT, 2)), float(tags.get(_EXIF_WIDTH) or 0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if equivalent_mm > 0:
        return equivalent_mm * float(np.hypot(width, height)) / _FULL_FRAME_DIAGONAL_MM
    if focal_mm > 0 and per_unit > 0 and unit_mm:
        return focal_mm * per_unit / unit_mm * (width / taken_width if taken_width > 0 else 1.0)
    return None
