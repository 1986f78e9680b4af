# SPDX-License-Identifier: Apache-2.0
"""Image messages to RGB arrays: one table row for each encoding, without a copy where the layout allows it.

Layouts follow sensor_msgs/image_encodings, then V4L2. `nv12` has `height` rows of luma, then `height / 2` rows of
interleaved chroma of the same step; in `i420` two planes of half the step follow the luma, in `nv24` one of twice the
step. Other encodings use cv_bridge if installed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from prv2_ros.media.levels import FULL_RANGE, Levels, Note, ignore, to_8_bits
from prv2_ros.media.refusal import RefusedImageError, check_pixels

__all__ = [
    "DEPTH_ENCODINGS",
    "ENCODINGS",
    "RefusedImageError",
    "check_pixels",
    "find_encoding",
    "image_to_rgb",
    "picture_to_rgb",
]

# Depth, not pictures, unless the user says otherwise.
DEPTH_ENCODINGS = frozenset(("16UC1", "16SC1", "32UC1", "32SC1", "32FC1", "64FC1"))


@dataclass(frozen=True)
class Encoding:
    """Memory layout of an encoding, and its conversion to RGB.

    Args:
        channels: samples of a pixel.
        to_rgb: (H, W[, C]) 8-bit samples to (H, W, 3) uint8 RGB.
        sample: dtype of a sample in native byte order.
        even: rows and columns must be multiples of these.
        rows: memory rows for two image rows (3 for 4:2:0, whose chroma follows the luma).
        arrange: (bytes, step, width, height) to samples, for layouts that are not rows of one step.
        mosaic: a Bayer pattern.
    """

    channels: int
    to_rgb: Callable[[np.ndarray], np.ndarray]
    sample: str = "u1"
    even: tuple[int, int] = (1, 1)
    rows: int = 2
    arrange: Callable[[memoryview, int, int, int], np.ndarray] | None = None
    mosaic: bool = False


def _same(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image)


def _with(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: cv2.cvtColor(image, code)


def _arrange_i420(data: memoryview, step: int, width: int, height: int) -> np.ndarray:
    """Luma, then two planes of half the size and half the step, as rows of `width` without padding."""
    if step % 2:
        raise RefusedImageError("step", f"step {step} must be even for planes of half the width")
    luma = np.ndarray((height, width), np.uint8, data, strides=(step, 1))
    chroma = np.ndarray((height, width // 2), np.uint8, data, offset=step * height, strides=(step // 2, 1))
    return np.vstack([luma, chroma.reshape(height // 2, width)])


def _arrange_nv24(data: memoryview, step: int, width: int, height: int) -> np.ndarray:
    """Luma, then one plane of chroma pairs with twice the step, as (H, W, 3)."""
    luma = np.ndarray((height, width), np.uint8, data, strides=(step, 1))
    chroma = np.ndarray((height, width, 2), np.uint8, data, offset=step * height, strides=(2 * step, 2, 1))
    return np.dstack([luma, chroma])


# BT.601 with luma from 16 to 235, as OpenCV converts the other YUV layouts.
_YUV_TO_RGB = np.array([[1.164383, 0, 1.596027], [1.164383, -0.391762, -0.812968], [1.164383, 2.017232, 0]])
_YUV_TO_RGB = np.hstack([_YUV_TO_RGB, -_YUV_TO_RGB @ [[16], [128], [128]]])


def _yuv444(image: np.ndarray) -> np.ndarray:
    return cv2.transform(image, _YUV_TO_RGB)


def _bayer(code: int, sample: str) -> Encoding:
    return Encoding(1, _with(code), sample=sample, even=(2, 2), mosaic=True)


_GRAY = Encoding(1, _with(cv2.COLOR_GRAY2RGB))
_GRAY16 = Encoding(1, _with(cv2.COLOR_GRAY2RGB), sample="u2")
_BGR = Encoding(3, _with(cv2.COLOR_BGR2RGB))
_BGR16 = Encoding(3, _with(cv2.COLOR_BGR2RGB), sample="u2")
_BGRA = Encoding(4, _with(cv2.COLOR_BGRA2RGB))
_BGRA16 = Encoding(4, _with(cv2.COLOR_BGRA2RGB), sample="u2")
_UYVY = Encoding(2, _with(cv2.COLOR_YUV2RGB_UYVY), even=(1, 2))
_YUYV = Encoding(2, _with(cv2.COLOR_YUV2RGB_YUY2), even=(1, 2))
_I420 = Encoding(1, _with(cv2.COLOR_YUV2RGB_I420), even=(2, 2), rows=3, arrange=_arrange_i420)
# OpenCV names a Bayer pattern by its second row, ROS by its first.
_PATTERNS = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, _same),
    "bgr8": _BGR,
    "8UC3": _BGR,
    "rgba8": Encoding(4, _with(cv2.COLOR_RGBA2RGB)),
    "bgra8": _BGRA,
    "8UC4": _BGRA,
    "rgb16": Encoding(3, _same, sample="u2"),
    "bgr16": _BGR16,
    "16UC3": _BGR16,
    "rgba16": Encoding(4, _with(cv2.COLOR_RGBA2RGB), sample="u2"),
    "bgra16": _BGRA16,
    "16UC4": _BGRA16,
    "mono8": _GRAY,
    "8UC1": _GRAY,
    "mono16": _GRAY16,
    "16UC1": _GRAY16,
    **{f"bayer_{name}8": _bayer(code, "u1") for name, code in _PATTERNS.items()},
    **{f"bayer_{name}16": _bayer(code, "u2") for name, code in _PATTERNS.items()},
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(1, _with(cv2.COLOR_YUV2RGB_NV12), even=(2, 2), rows=3),
    "nv21": Encoding(1, _with(cv2.COLOR_YUV2RGB_NV21), even=(2, 2), rows=3),
    "nv24": Encoding(1, _yuv444, rows=6, arrange=_arrange_nv24),
    "i420": _I420,
    "yuv420": _I420,
    "yv12": Encoding(1, _with(cv2.COLOR_YUV2RGB_YV12), even=(2, 2), rows=3, arrange=_arrange_i420),
}
_BY_LOWER_CASE = {name.lower(): encoding for name, encoding in ENCODINGS.items()}


def find_encoding(name: str) -> Encoding | None:
    """The encoding of this name in any case, or None."""
    return ENCODINGS.get(name) or _BY_LOWER_CASE.get(name.strip().lower())


def image_to_rgb(message: Any, *, max_pixels: float, levels: Levels = FULL_RANGE, note: Note = ignore) -> np.ndarray:
    """RGB array of a sensor_msgs/Image.

    Args:
        message: the image message.
        max_pixels: maximum width times height.
        levels: range of 16-bit values shown as black to white.
        note: called with (reason, text) for warnings.

    Returns:
        (H, W, 3) uint8, contiguous; for rgb8 without padding a view of the message.

    Raises:
        RefusedImageError: inconsistent sizes, or an unknown encoding.
    """
    encoding = find_encoding(message.encoding)
    check_pixels(message.width, message.height, max_pixels)
    if encoding is None:
        return _by_cv_bridge(message)
    samples = samples_of(message, encoding)
    if samples.dtype != np.uint8:
        samples = to_8_bits(samples, levels, note)
    try:
        return encoding.to_rgb(samples)
    except cv2.error as error:
        raise RefusedImageError(
            "convert", f"{message.encoding} {message.width}x{message.height} cannot be converted: {error}"
        ) from error


def samples_of(message: Any, encoding: Encoding) -> np.ndarray:
    """A view of the samples in the message; a RefusedImageError for inconsistent sizes."""
    width, height, step = message.width, message.height, message.step
    if height % encoding.even[0] or width % encoding.even[1]:
        raise RefusedImageError(
            "odd_size",
            f"{message.encoding} needs rows and columns in multiples of {encoding.even}, "
            f"the image has {height} and {width}",
        )
    rows = height * encoding.rows // 2
    size = np.dtype(encoding.sample).itemsize
    row_bytes = width * encoding.channels * size
    if step < row_bytes:
        raise RefusedImageError(
            "step", f"step {step} is less than a row of {width} {message.encoding} pixels ({row_bytes} bytes)"
        )
    if len(message.data) != step * rows:
        raise RefusedImageError(
            "data_size", f"{len(message.data)} bytes of data, but step {step} times {rows} rows is {step * rows}"
        )
    if encoding.arrange is not None:
        return encoding.arrange(memoryview(message.data), step, width, height)
    # Strides skip the padding without a copy.
    shape = (rows, width) if encoding.channels == 1 else (rows, width, encoding.channels)
    strides = (step, size) if encoding.channels == 1 else (step, encoding.channels * size, size)
    order = (">" if message.is_bigendian else "<") if size > 1 else "|"
    return np.ndarray(shape, np.dtype(order + encoding.sample), memoryview(message.data), strides=strides)


def _by_cv_bridge(message: Any) -> np.ndarray:
    """Convert an encoding that the table lacks with ROS's own converter."""
    unknown = f"encoding '{message.encoding[:64]}' is not one of {', '.join(ENCODINGS)}"
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise RefusedImageError("unknown_encoding", unknown) from None
    try:
        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, "rgb8"))
    except Exception as error:  # noqa: BLE001 - CvBridgeError, and what OpenCV, numpy and C++ raise on odd sizes
        reason = " ".join(str(error).split())
        raise RefusedImageError("unknown_encoding", f"{unknown}, and cv_bridge cannot convert it: {reason}") from None


def picture_to_rgb(
    picture: np.ndarray, *, mosaic: Encoding | None = None, levels: Levels = FULL_RANGE, note: Note = ignore
) -> np.ndarray:
    """RGB of an image as OpenCV decoded it, (H, W[, C]) of 8 or 16 bits; `mosaic` is its Bayer encoding.

    Raises:
        RefusedImageError: another dtype or number of channels.
    """
    if picture.dtype not in (np.uint8, np.uint16):
        raise RefusedImageError("unknown_encoding", f"the picture holds {picture.dtype} numbers, not 8 or 16 bits")
    if picture.dtype == np.uint16:
        picture = to_8_bits(picture, levels, note)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    if mosaic is not None and not (picture.shape[0] % 2 or picture.shape[1] % 2):
        return mosaic.to_rgb(picture)
    convert = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}.get(channels)
    if convert is None:
        raise RefusedImageError("unknown_encoding", f"the picture has {channels} channels")
    return cv2.cvtColor(picture, convert)
