# SPDX-License-Identifier: Apache-2.0
"""Compressed image messages (JPEG, PNG) to RGB arrays; the size in the header is judged before anything is decoded."""

from typing import Any

import cv2
import numpy as np

from prv2_ros.media.encodings import RefusedImageError, check_pixels

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Start-of-frame markers carry the size; C4, C8 and CC are tables that share their number range.
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _damaged(text: str) -> RefusedImageError:
    return RefusedImageError("damaged", text)


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise _damaged("PNG without a header")
    if b"IEND" not in data[-32:]:
        raise _damaged(f"PNG of {len(data)} bytes has no end: it was cut off")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    if b"\xff\xd9" not in data[-1024:]:
        raise _damaged(f"JPEG of {len(data)} bytes has no end: it was cut off")
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            raise _damaged("JPEG with something other than a marker where one must be")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_SIZE_MARKERS:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise _damaged("JPEG without a size")


def compressed_to_rgb(message: Any, *, max_pixels: float) -> np.ndarray:
    """RGB array of a sensor_msgs/CompressedImage.

    Args:
        message: JPEG or PNG in `data`; `format` is a description for people and is not relied on.
        max_pixels: greatest width times height that is accepted.

    Returns:
        (H, W, 3) uint8.

    Raises:
        RefusedImageError: another format, a damaged file or one of a size that is not accepted.
    """
    data = bytes(memoryview(message.data))
    if data.startswith(_JPEG):
        width, height = _jpeg_size(data)
    elif data.startswith(_PNG):
        width, height = _png_size(data)
    else:
        raise RefusedImageError(
            "unknown_encoding", f"compressed data (format '{message.format[:64]}') is neither JPEG nor PNG"
        )
    check_pixels(width, height, max_pixels)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise _damaged(f"{width}x{height} image cannot be decoded: {error}") from error
    if bgr is None:
        raise _damaged(f"{width}x{height} image cannot be decoded")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, bgr)
