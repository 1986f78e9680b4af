# SPDX-License-Identifier: Apache-2.0
"""Which 16-bit values become black and white: full scale, or the range that a camera uses.

Thermal cameras count in 14 of 16 bits around the temperature at hand, and 12-bit cameras often do not shift their
values: on full scale such pictures are a few dark grey levels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prv2_ros.errors import ImageError

Note = Callable[[str, str], object]
_FULL = 65535
# A picture that uses less of full scale than this is told.
_NARROW = 0.26
# Pixels that are dead or hot do not decide about the range.
_OUTLIERS = 0.001
_SAMPLES = 1 << 16


def ignore(reason: str, text: str) -> None:
    """A `Note` for nobody."""


@dataclass(frozen=True)
class Levels:
    """The range of 16-bit values that is shown.

    Args:
        low, high: values that become black and white.
        auto: take both from each picture instead.
    """

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
        raise ImageError(f"'{text}' is not full, auto or a range such as 7000-9000, within 0-{_FULL}")
    return Levels(int(match[1]), int(match[2]))


def to_8_bits(image: np.ndarray, levels: Levels, note: Note = ignore) -> np.ndarray:
    """uint8 of an array of uint16 in either byte order; every channel by the same range.

    Args:
        image: (H, W) or (H, W, C) values.
        levels: what becomes black and white.
        note: called with ("narrow_range", text) where full scale leaves a picture almost without contrast.
    """
    if levels == FULL_RANGE:
        low, high = _used_range(image)
        if high - low < _NARROW * _FULL and image.size > 1:
            note(
                "narrow_range",
                f"16-bit values from {low} to {high} are {100 * (high - low) / _FULL:.0f} % of full scale and "
                f"leave few grey levels: intensity_range (--intensity-range) auto or "
                f"{low}-{max(high, low + 1)} stretches them",
            )
        return (image >> 8).astype(np.uint8)
    low, high = _used_range(image) if levels.auto else (levels.low, levels.high)
    scale = 255.0 / max(high - low, 1)
    return np.rint((np.clip(image, low, high).astype(np.float32) - low) * scale).astype(np.uint8)


def _used_range(image: np.ndarray) -> tuple[int, int]:
    """Values between which all but the outliers lie."""
    step = max(int((image.size / _SAMPLES) ** 0.5), 1)
    low, high = np.quantile(image[::step, ::step], (_OUTLIERS, 1 - _OUTLIERS), method="nearest")
    return int(low), int(high)
