# SPDX-License-Identifier: Apache-2.0
"""Image messages to RGB arrays: one row of a table per encoding, no copy where the layout allows it.

Layouts are those of sensor_msgs/image_encodings; `nv12` (not in that list) has `height` rows of luma and then
`height / 2` rows of interleaved chroma of the same step, as drivers send it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from prv2_ros.errors import ImageError


class RefusedImageError(ImageError):
    """An image message that cannot be used.

    Args:
        reason: short fixed word under which diagnostics count it.
        text: the whole story in one line.
    """

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Encoding:
    """How the samples of one encoding lie in memory and become RGB.

    Args:
        channels: samples per pixel.
        to_rgb: (H, W[, C]) samples to (H, W, 3) uint8 RGB.
        sample: dtype of a sample, in the byte order of this machine.
        even: (rows, columns) must be multiples of these.
        rows: memory rows per two image rows (3 for 4:2:0, whose chroma follows the luma).
    """

    channels: int
    to_rgb: Callable[[np.ndarray], np.ndarray]
    sample: str = "u1"
    even: tuple[int, int] = (1, 1)
    rows: int = 2


def _same(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image)


def _with(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: cv2.cvtColor(image, code)


def _gray16(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((image >> 8).astype(np.uint8), cv2.COLOR_GRAY2RGB)


_GRAY = Encoding(1, _with(cv2.COLOR_GRAY2RGB))
_GRAY16 = Encoding(1, _gray16, sample="u2")
_BGR = Encoding(3, _with(cv2.COLOR_BGR2RGB))
_UYVY = Encoding(2, _with(cv2.COLOR_YUV2RGB_UYVY), even=(1, 2))
_YUYV = Encoding(2, _with(cv2.COLOR_YUV2RGB_YUY2), even=(1, 2))

# OpenCV names a Bayer pattern by its second row, ROS by its first.
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, _same),
    "bgr8": _BGR,
    "8UC3": _BGR,
    "rgba8": Encoding(4, _with(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding(4, _with(cv2.COLOR_BGRA2RGB)),
    "8UC4": Encoding(4, _with(cv2.COLOR_BGRA2RGB)),
    "mono8": _GRAY,
    "8UC1": _GRAY,
    "mono16": _GRAY16,
    "16UC1": _GRAY16,
    "bayer_rggb8": Encoding(1, _with(cv2.COLOR_BayerBG2RGB), even=(2, 2)),
    "bayer_bggr8": Encoding(1, _with(cv2.COLOR_BayerRG2RGB), even=(2, 2)),
    "bayer_gbrg8": Encoding(1, _with(cv2.COLOR_BayerGR2RGB), even=(2, 2)),
    "bayer_grbg8": Encoding(1, _with(cv2.COLOR_BayerGB2RGB), even=(2, 2)),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(1, _with(cv2.COLOR_YUV2RGB_NV12), even=(2, 2), rows=3),
    "nv21": Encoding(1, _with(cv2.COLOR_YUV2RGB_NV21), even=(2, 2), rows=3),
}


def check_pixels(width: int, height: int, max_pixels: float) -> None:
    """Refuse sizes of nothing, or of more than may be allocated.

    Raises:
        RefusedImageError: reason "zero_size" or "too_large".
    """
    if width < 1 or height < 1:
        raise RefusedImageError("zero_size", f"image of {width}x{height} pixels has no content")
    if width * height > max_pixels:
        raise RefusedImageError(
            "too_large",
            f"image of {width}x{height} pixels has more than max_input_megapixels {max_pixels / 1e6:g} allows",
        )


def image_to_rgb(message: Any, *, max_pixels: float) -> np.ndarray:
    """RGB array of a sensor_msgs/Image.

    Args:
        message: the image message; `step` and `is_bigendian` are honoured.
        max_pixels: greatest width times height that is accepted.

    Returns:
        (H, W, 3) uint8, contiguous; for rgb8 without padding it is the message's own memory.

    Raises:
        RefusedImageError: sizes that do not fit together, or an encoding that is not in the table.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise RefusedImageError(
            "unknown_encoding", f"encoding '{message.encoding[:64]}' is not one of {', '.join(ENCODINGS)}"
        )
    width, height, step = message.width, message.height, message.step
    check_pixels(width, height, max_pixels)
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
    # Strides of numpy may exceed a row: padding costs no copy here.
    shape = (rows, width) if encoding.channels == 1 else (rows, width, encoding.channels)
    strides = (step, size) if encoding.channels == 1 else (step, encoding.channels * size, size)
    order = (">" if message.is_bigendian else "<") if size > 1 else "|"
    samples = np.ndarray(shape, np.dtype(order + encoding.sample), memoryview(message.data), strides=strides)
    try:
        return encoding.to_rgb(samples)
    except cv2.error as error:
        raise RefusedImageError(
            "convert", f"{message.encoding} {width}x{height} cannot be converted: {error}"
        ) from error
