# SPDX-License-Identifier: Apache-2.0
"""Format, size and completeness of encoded images, without decoding.

Drivers publish their whole buffer, so bytes after the end are fine; a missing end is damage.
"""

import io
import re
import warnings
from typing import NamedTuple

from prv2_ros.media.refusal import RefusedImageError

# Start-of-frame markers carry the size; C4, C8 and CC are tables that share their number range.
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In coded data FF is followed by 00 (a real FF), D0 to D7 (restart) or FF; anything else is a marker.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))


class Container(NamedTuple):
    """One encoded image: "JPEG", "PNG", "WebP" or "TIFF", its size [px], and its length in bytes."""

    name: str
    width: int
    height: int
    length: int


def damaged(text: str) -> RefusedImageError:
    """Error for damaged data."""
    return RefusedImageError("damaged", text)


def container_of(data: bytes) -> Container | None:
    """The image in the data; None for an unknown format.

    Raises:
        RefusedImageError: reason "damaged".
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        length = 8 + int.from_bytes(data[4:8], "little")
        if length > len(data):
            raise damaged(f"WebP of {len(data)} bytes states a length of {length}: it is truncated")
        return _by_pillow("WebP", data, length)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _by_pillow("TIFF", data, len(data))
    return None


def _jpeg(data: bytes) -> Container:
    size: tuple[int, int] | None = None
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise damaged("JPEG with a missing marker")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _JPEG_END:
            break
        if marker in _JPEG_WITHOUT_LENGTH:
            at += 2
            continue
        if marker in _JPEG_SIZE_MARKERS and at + 9 <= len(data):
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _JPEG_SCAN:
            found = _JPEG_MARKER.search(data, at)
            at = found.start() if found else len(data)
    if data[at : at + 2] != b"\xff\xd9":
        raise damaged(f"JPEG of {len(data)} bytes has no end: it is truncated")
    if size is None:
        raise damaged("JPEG without a size")
    return Container("JPEG", *size, at + 2)


def _png(data: bytes) -> Container:
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise damaged("PNG without a header")
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND" and at <= len(data):
            return Container("PNG", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), at)
    raise damaged(f"PNG of {len(data)} bytes has no end: it is truncated")


def _by_pillow(name: str, data: bytes, length: int) -> Container:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # The caller checks the size, and odd tags do not matter.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                return Container(name, *image.size, length)
    except Image.DecompressionBombError:
        raise RefusedImageError("too_large", f"{name} image of hundreds of megapixels") from None
    except Exception as error:  # noqa: BLE001 - damaged data may cause any error
        raise damaged(f"{name} of {len(data)} bytes is damaged: {' '.join(str(error).split())}") from None
