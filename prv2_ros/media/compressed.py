# SPDX-License-Identifier: Apache-2.0
"""Compressed image messages to RGB arrays; the size is checked before decoding."""

import re
from typing import Any

import cv2
import numpy as np

from prv2_ros.media.containers import container_of, damaged
from prv2_ros.media.encodings import DEPTH_ENCODINGS, find_encoding, picture_to_rgb
from prv2_ros.media.levels import FULL_RANGE, Levels, Note, ignore
from prv2_ros.media.refusal import RefusedImageError, check_pixels

HOW_TO_DECODE_VIDEO = (
    "decode it first, e.g. with `ros2 run image_transport republish` (in_transport ffmpeg, out_transport raw)"
)
_CODECS = {
    "H.264": ("h264", "avc", "x264"),
    "H.265": ("h265", "hevc", "x265"),
    "AV1": ("av1",),
    "VP9": ("vp9",),
    "VP8": ("vp8",),
    "MPEG-4": ("mpeg4", "mp4v"),
}


def stated_encoding(format: str) -> str:
    """The first word of a format: the encoding before compression, or the file format."""
    return format.split(";")[0].strip()


def is_depth(format: str) -> bool:
    """Whether an encoding or format ("16UC1; png compressed ") states depth."""
    return "compresseddepth" in format.lower() or stated_encoding(format).upper() in DEPTH_ENCODINGS


def video_codec(format: str, data: bytes) -> str | None:
    """The video codec by the format or the first bytes; None for pictures."""
    words = re.split(r"[^a-z0-9.]+", format.lower())
    for name, aliases in _CODECS.items():
        if any(word.replace(".", "") in aliases for word in words):
            return name
    # The start code of a NAL unit, which no picture format begins with.
    return "H.264 or H.265" if data.startswith((b"\0\0\0\1", b"\0\0\1")) else None


def compressed_to_rgb(
    message: Any, *, max_pixels: float, levels: Levels = FULL_RANGE, note: Note = ignore
) -> np.ndarray:
    """RGB array of a sensor_msgs/CompressedImage.

    Args:
        message: JPEG, PNG, WebP or TIFF in `data`; `format` matters for Bayer mosaics only.
        max_pixels: maximum width times height.
        levels: range of 16-bit values shown as black to white.
        note: called with (reason, text) for warnings.

    Returns:
        (H, W, 3) uint8.

    Raises:
        RefusedImageError: another format, damaged data or a wrong size.
    """
    data = bytes(memoryview(message.data))
    container = container_of(data)
    if container is None:
        raise _unknown(message.format, data)
    check_pixels(container.width, container.height, max_pixels)
    words = f"{container.name} of {container.width}x{container.height}"
    try:
        picture = cv2.imdecode(np.frombuffer(data[: container.length], np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise damaged(f"{words} cannot be decoded: {error}") from error
    if picture is None or picture.size == 0:
        raise damaged(f"{words} cannot be decoded")
    check_pixels(picture.shape[1], picture.shape[0], max_pixels)
    encoding = find_encoding(stated_encoding(message.format))
    mosaic = encoding if encoding is not None and encoding.mosaic and picture.ndim == 2 else None
    return picture_to_rgb(picture, mosaic=mosaic, levels=levels, note=note)


def _unknown(format: str, data: bytes) -> RefusedImageError:
    stated = format[:64]
    codec = video_codec(format, data[:64])
    if codec:
        return RefusedImageError("video", f"{codec} video (format '{stated}'), not pictures; {HOW_TO_DECODE_VIDEO}")
    if is_depth(format):
        return RefusedImageError("depth", f"compressed data of format '{stated}' is depth, not a picture")
    return RefusedImageError("unknown_encoding", f"compressed data (format '{stated}') is not JPEG, PNG, WebP or TIFF")
