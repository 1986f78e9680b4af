# SPDX-License-Identifier: Apache-2.0
"""What a picture file is, before its pixels are decoded: format, size, orientation, EXIF, and why it cannot be read."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE_SUFFIXES: tuple[str, ...] = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".bmp",
    ".dib",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
)
IMAGE_SUFFIXES += (".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".gif")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef")
# As many as the engine takes.
MAX_PIXELS = 1 << 28
HOW_TO_READ_HEIF = "HEIC needs the package pillow-heif: pip install pillow-heif, or convert it to JPEG"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_EXIF_IFD, _ORIENTATION = 0x8769, 0x0112
# Their second picture is a preview or the other eye's, and nobody takes them for animations.
_ONE_PICTURE = ("MPO", "JPEG", "HEIF", "AVIF", "ICO")


@dataclass(frozen=True)
class PictureFacts:
    """A picture file as its header has it.

    Attributes:
        format: Pillow's name of the format, "JPEG" for example.
        width, height: As stored [px].
        orientation: Of EXIF, 1 to 8.
        pictures: Frames of an animation, pages of a file.
        tags: Of EXIF's own directory, by number.
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
        """The picture as Pillow opens it; a context manager."""
        return _opened(self.data)


def read_heif() -> bool:
    """Whether HEIC can be read; from now on Pillow knows it, if the package is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_heif(data: bytes) -> bool:
    """Whether the data are HEIC or another kind of HEIF, and not AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and b"avif" not in data[8:64]


def open_picture(data: bytes) -> PictureFacts | None:
    """What the header says; None where Pillow does not know the format or finds it damaged."""
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
    except Exception:  # noqa: BLE001 - whatever damaged data make a parser raise
        return None


def _tags(exif: Any) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(_EXIF_IFD))
    except Exception:  # noqa: BLE001 - broken EXIF is no EXIF, and the picture may be whole
        return {}


def _exif_of_png(data: bytes) -> Any:
    """EXIF by the list of chunks: Pillow would decode the whole picture to find one behind it."""
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
    """Pillow's image of any size: how many pixels are too many is said elsewhere, in one line."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            # Broken EXIF is no news to somebody who wants depth.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
        with image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def why_not_read(path: Path, data: bytes = b"") -> str:
    """Why a file is no picture that can be read, in words that follow its name."""
    suffix = path.suffix.lower()
    if is_heif(data) or (suffix in HEIF_SUFFIXES and not data):
        if data and read_heif():
            return "is HEIC that pillow-heif cannot read (damaged, or of a kind it does not know): convert it to JPEG"
        return f"is not read: {HOW_TO_READ_HEIF}"
    if suffix in RAW_SUFFIXES:
        return "is a camera's raw file, which is not read: develop it first, into a 16-bit TIFF or a JPEG"
    return f"is not an image that can be read (damaged, or none of {' '.join(IMAGE_SUFFIXES)})"
