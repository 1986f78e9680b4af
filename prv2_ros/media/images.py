# SPDX-License-Identifier: Apache-2.0
"""Reading and writing images."""

import contextlib
import os
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.media.encodings import picture_to_rgb
from prv2_ros.media.levels import FULL_RANGE, Levels, Note, ignore
from prv2_ros.media.picture_files import IMAGE_SUFFIXES, MAX_PIXELS, PictureFacts, open_picture, why_not_read

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "read_image", "write_image", "write_whole"]

# Formats whose 16-bit values are full scale.
_SIXTEEN_BITS = (b"\x89PNG", b"II*\0", b"MM\0*", b"P5", b"P6")
# Rotation to the upright image, by EXIF orientation.
_TURNS = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: image.transpose(1, 0, 2)[:, ::-1],
    7: lambda image: image.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda image: image.transpose(1, 0, 2)[::-1],
}


def read_image(path: str | Path, *, levels: Levels = FULL_RANGE, note: Note = ignore) -> np.ndarray:
    """Read an image as (H, W, 3) uint8 RGB, upright by its EXIF orientation.

    Args:
        path: Any format of OpenCV or Pillow, HEIC with pillow-heif; the first picture of several. Alpha is dropped.
        levels: Range of 16-bit values shown as black to white.
        note: Called with (reason, text) for warnings.

    Raises:
        ImageError: The file is missing, empty, too large, or not an image.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from None
    if not data:
        raise ImageError(f"{path} is empty")
    facts = open_picture(data)
    if facts is not None and facts.width * facts.height > MAX_PIXELS:
        size = f"{facts.width}x{facts.height} pixels, {facts.width * facts.height / 1e6:.0f} megapixels"
        raise ImageError(f"{path} has {size}; the limit is {MAX_PIXELS / 1e6:.0f}: make it smaller")
    if facts is not None and facts.pictures > 1:
        note("several_pictures", f"has {facts.pictures} pictures; the first is used")
    image = _by_opencv(data, levels, note)
    if image is not None:
        # OpenCV always rotates TIFF itself.
        turn = _TURNS.get(facts.orientation) if facts is not None and facts.format != "TIFF" else None
        return np.ascontiguousarray(turn(image)) if turn else image
    image = _by_pillow(data, facts)
    if image is None:
        raise ImageError(f"{path} {why_not_read(path, data)}")
    return image


def _by_opencv(data: bytes, levels: Levels, note: Note) -> np.ndarray | None:
    """The stored image; None if OpenCV cannot read it."""
    flags = cv2.IMREAD_UNCHANGED if data.startswith(_SIXTEEN_BITS) else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if image is None or image.size == 0 else picture_to_rgb(image, levels=levels, note=note)


def _by_pillow(data: bytes, facts: PictureFacts | None) -> np.ndarray | None:
    """The upright image; None if Pillow cannot read it."""
    if facts is None:
        return None
    from PIL import ImageOps

    try:
        with facts.open() as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception:  # noqa: BLE001 - damaged data may cause any error
        return None


def write_image(path: str | Path, rgb: np.ndarray, *, jpeg_quality: int = 92) -> None:
    """Write (H, W, 3) uint8 RGB or a single-channel image atomically, in the format of the suffix.

    Raises:
        ImageError: The suffix is unknown, or the folder cannot be written.
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
    """Write a file atomically: beside `path`, then renamed.

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
