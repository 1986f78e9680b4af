# SPDX-License-Identifier: Apache-2.0
"""One parameter of the node: default, description, limits, when a change takes effect, and its valid values."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from prv2_ros.errors import ImageError, Prv2Error
from prv2_ros.media.levels import parse_levels
from prv2_ros.node.body_mask import body_mask

LIVE = "live"
CONFIGURE = "configure"
START = "start"
_WHEN = {
    LIVE: "A change takes effect with the next frame.",
    CONFIGURE: "Read at configure; a configured node rejects a change.",
    START: "Read only.",
}
# Larger depth images and warm-up frames are typing errors, and would exhaust the memory.
_MAX_PIXELS = 1 << 26
_MAX_TILES = 1024
Check = Callable[[Any], str | None]
"""Returns why a value is invalid, or None."""


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "WIDTHxHEIGHT". Raises ValueError for anything else, and for more than 2^26 pixels."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise ValueError(f"'{text}' is not WIDTHxHEIGHT, e.g. 1280x720")
    width, height = int(match[1]), int(match[2])
    if width * height > _MAX_PIXELS:
        raise ValueError(f"'{text}' is {width * height / 1e6:.0f} megapixels, more than {_MAX_PIXELS / 1e6:.0f}")
    return width, height


def size_or(*words: str) -> Check:
    """WIDTHxHEIGHT or one of some words."""
    return lambda value: None if value in words else _error_of(parse_size, value)


def pattern(expression: str, meaning: str) -> Check:
    """A text that matches a regular expression."""
    return lambda value: None if re.fullmatch(expression, value) else f"{value[:64]!r} is not {meaning}"


def tiles(expression: str, meaning: str) -> Check:
    """As `pattern`, with the numbers of tiles in groups; their product is limited."""
    matches = pattern(expression, meaning)

    def check(value: str) -> str | None:
        if problem := matches(value):
            return problem
        count = 1
        for number in re.findall(r"\d+", re.sub(r"^p\d+$", "", value)):
            count *= int(number)
        return f"'{value}' is {count} tiles, more than {_MAX_TILES}" if count > _MAX_TILES else None

    return check


def cameras(value: list[str]) -> str | None:
    """Different namespaces, or one empty name."""
    if value == [""]:
        return None
    bad = [name for name in value if not re.fullmatch(r"[A-Za-z]\w*(/[A-Za-z]\w*)*", name)]
    if not value or bad or len(set(value)) != len(value):
        return f"{value} are not different namespaces such as front or left/rear"
    return None


def mask(value: str) -> str | None:
    """A mask file or polygons; a file name with {camera} is checked with the camera's first frame."""
    return None if "{camera}" in value else _error_of(lambda text: body_mask(text, 8, 8), value)


def intensity_range(value: str) -> str | None:
    """A range of 16-bit values."""
    return _error_of(parse_levels, value)


def _error_of(parse: Callable[[str], Any], value: str) -> str | None:
    try:
        parse(value)
    except (ValueError, Prv2Error, ImageError) as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Spec:
    """One parameter."""

    name: str
    default: Any
    description: str
    when: str = LIVE
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    check: Check | None = None

    def problem(self, value: Any) -> str | None:
        """Why a value is invalid, or None."""
        if self.choices and value not in self.choices:
            return f"'{value}' is not one of {', '.join(self.choices)}"
        if self.range and not self.range[0] <= value <= self.range[1]:
            return f"{value} is outside {self.range[0]:g} to {self.range[1]:g}"
        return self.check(value) if self.check else None

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(
            description=f"{self.description} {_WHEN[self.when]}", read_only=self.when == START
        )
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.range and isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=self.range[0], to_value=self.range[1])]
        elif self.range:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.range[0]), to_value=int(self.range[1]), step=1)
            ]
        return descriptor
