# SPDX-License-Identifier: Apache-2.0
"""Conversion of 16-bit images to 8 bits: full scale, or the range that a camera uses.

Thermal cameras use a few of 16 bits, and 12-bit cameras often do not shift their values: at full scale such images are
almost black.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prv2_ros.errors import ImageError

Note = Callable[[str, str], object]
_FULL = 65535
# Warn about images that use less of full scale.
_NARROW = 0.26
# Share of dead and hot pixels, which do not affect the range.
_OUTLIERS = 0.001
_SAMPLES = 1 << 16


def ignore(reason: str, text: str) -> None:
    """A `Note` that does nothing."""


@dataclass(frozen=True)
class Levels:
    """The 16-bit values shown as black and white; with `auto` the range of each image."""

    low: int = 0
    high: int = _FULL
    auto: bool = False


FULL_RANGE = Levels()


def parse_levels(text: str) -> Levels:
    """Levels of "full", "auto" or "LOW-HIGH", e.g. "7000-9000".

    Raises:
        ImageError: anything else.
    """
    if text in ("full", "auto"):
        return Levels(auto=text == "auto")
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not match or not int(match[1]) < int(match[2]) <= _FULL:
        raise ImageError(f"'{text}' is not full, auto or a range within 0-{_FULL}, e.g. 7000-9000")
    return Levels(int(match[1]), int(match[2]))


def to_8_bits(image: np.ndarray, levels: Levels, note: Note = ignore) -> np.ndarray:
    """uint8 of (H, W[, C]) uint16 values in either byte order; `note` warns if full scale leaves little contrast."""
    if levels == FULL_RANGE:
        low, high = _used_range(image)
        if high - low < _NARROW * _FULL and image.size > 1:
            note(
                "narrow_range",
                f"16-bit values from {low} to {high} are only {100 * (high - low) / _FULL:.0f} % of full scale: set "
                f"intensity_range (--intensity-range) auto or {low}-{max(high, low + 1)}",
            )
        return (image >> 8).astype(np.uint8)
    low, high = _used_range(image) if levels.auto else (levels.low, levels.high)
    scale = 255.0 / max(high - low, 1)
    return np.rint((np.clip(image, low, high).astype(np.float32) - low) * scale).astype(np.uint8)


def _used_range(image: np.ndarray) -> tuple[int, int]:
    """The range of all values but the outliers."""
    step = max(int((image.size / _SAMPLES) ** 0.5), 1)
    low, high = np.quantile(image[::step, ::step], (_OUTLIERS, 1 - _OUTLIERS), method="nearest")
    return int(low), int(high)
