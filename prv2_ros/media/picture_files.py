# SPDX-License-Identifier: Apache-2.0
"""Format, size, orientation and EXIF of an image file without decoding it, and why it cannot be read."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp")
IMAGE_SUFFIXES += (".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".gif")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef")
# The engine's limit.
MAX_PIXELS = 1 << 28
HOW_TO_READ_HEIF = "HEIC needs the package pillow-heif: pip install pillow-heif, or convert it to JPEG"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_EXIF_IFD, _ORIENTATION = 0x8769, 0x0112
# A second picture of these is a preview or the other eye's, not an animation.
_ONE_PICTURE = ("MPO", "JPEG", "HEIF", "AVIF", "ICO")


@dataclass(frozen=True)
class PictureFacts:
    """An image file by its header.

    Attributes:
        format: Pillow's name of the format, e.g. "JPEG".
        width, height: As stored [px].
        orientation: Of EXIF, 1 to 8.
        pictures: Number of frames or pages.
        tags: EXIF tags by number.
        data: The file's bytes.
    """

    format: str
    width: int
    height: int
    orientation: int
    pictures: int
    tags: dict[int, Any]
    data: bytes

    def open(self) -> Any:
        """Pillow's image, as a context manager."""
        return _opened(self.data)


def read_heif() -> bool:
    """Register HEIC with Pillow; whether the package is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_heif(data: bytes) -> bool:
    """Whether the data is HEIC or other HEIF, but not AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and b"avif" not in data[8:64]


def open_picture(data: bytes) -> PictureFacts | None:
    """Facts of the header; None if Pillow cannot read it."""
    if is_heif(data):
        read_heif()
    try:
        with _opened(data) as image:
            format = image.format or ""
            several = 1 if format in _ONE_PICTURE else int(getattr(image, "n_frames", 1))
            exif = _exif_of_png(data) if format == "PNG" else image.getexif()
            orientation = exif.get(_ORIENTATION, 1)
            turned = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
            width, height = image.size
            return PictureFacts(format, width, height, turned, several, _tags(exif), data)
    except Exception:  # noqa: BLE001 - damaged data may cause any error
        return None


def _tags(exif: Any) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(_EXIF_IFD))
    except Exception:  # noqa: BLE001 - an image with broken EXIF may be intact
        return {}


def _exif_of_png(data: bytes) -> Any:
    """EXIF of a PNG by its chunks; Pillow would decode the whole image to find a late one."""
    from PIL import Image

    exif, at = Image.Exif(), 8
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"eXIf":
            exif.load(data[at + 8 : at + 8 + length])
            break
        at += 12 + length
    return exif


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Pillow's image of any size; the caller checks the size."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            # Warnings about EXIF do not matter for depth.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
        with image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def why_not_read(path: Path, data: bytes = b"") -> str:
    """Why a file cannot be read, as a phrase after its name."""
    suffix = path.suffix.lower()
    if is_heif(data) or (suffix in HEIF_SUFFIXES and not data):
        if data and read_heif():
            return "is HEIC that pillow-heif cannot read: convert it to JPEG"
        return f"is not read: {HOW_TO_READ_HEIF}"
    if suffix in RAW_SUFFIXES:
        return "is a raw file of a camera, which is not supported: convert it to a 16-bit TIFF or a JPEG"
    return f"is not an image that can be read (damaged, or not one of {' '.join(IMAGE_SUFFIXES)})"
