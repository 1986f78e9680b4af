# SPDX-License-Identifier: Apache-2.0
"""One parameter of the node: default, meaning, limits, when a change takes effect, and which values it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from prv2_ros.errors import Prv2Error
from prv2_ros.node.body_mask import body_mask

LIVE = "live"
CONFIGURE = "configure"
START = "start"
_WHEN = {
    LIVE: "A change takes effect with the next frame.",
    CONFIGURE: "Read at configure: a change is refused while the node is configured.",
    START: "Read only.",
}


# Pixels of a depth image or of the frame for warming up: more is a slip, and would take the machine's memory.
_MAX_PIXELS = 1 << 26
_MAX_TILES = 1024


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "WIDTHxHEIGHT". Raises ValueError for anything else, and for more than 2^26 pixels."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise ValueError(f"'{text}' is not WIDTHxHEIGHT, e.g. 1280x720")
    width, height = int(match[1]), int(match[2])
    if width * height > _MAX_PIXELS:
        raise ValueError(f"'{text}' is {width * height / 1e6:.0f} megapixels, more than {_MAX_PIXELS / 1e6:.0f}")
    return width, height


def explicit_size(value: str) -> str | None:
    """Why a text is not WIDTHxHEIGHT, or None."""
    try:
        parse_size(value)
    except ValueError as error:
        return str(error)
    return None


def output_size(value: str) -> str | None:
    """Why a text is not a size of the output, or None."""
    return None if value in ("input", "half") else explicit_size(value)


def warm_up_size(value: str) -> str | None:
    """Why a text is not a size of the frame for warming up, or None."""
    return None if value == "off" else explicit_size(value)


def grid(value: str) -> str | None:
    """Why a text is not a grid of tiles, or None."""
    if value == "auto":
        return None
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", value)
    if not match:
        return f"'{value}' is not auto or ROWSxCOLUMNS, e.g. 4x4"
    tiles = int(match[1]) * int(match[2])
    return f"'{value}' is {tiles} tiles, more than {_MAX_TILES}" if tiles > _MAX_TILES else None


def mode(value: str) -> str | None:
    """Why a text is not a mode of tiling, or None."""
    match = re.fullmatch(r"p16|p49|r([1-9]\d{0,3})", value)
    if not match:
        return f"'{value}' is not p16, p49 or r<count>, e.g. r64"
    return f"'{value}' is more than {_MAX_TILES} random tiles" if int(match[1] or 0) > _MAX_TILES else None


def device(value: str) -> str | None:
    """Why a text is not a device, or None."""
    return None if re.fullmatch(r"auto|cpu|cuda(:\d+)?", value) else f"'{value}' is not auto, cpu, cuda or cuda:N"


def weights(value: str) -> str | None:
    """Why a text does not name weights, or None."""
    return None if value.strip() and "\0" not in value else "weights may not be empty"


def coarse(value: str) -> str | None:
    """Why a text does not name a source of coarse depth, or None."""
    return f"'{value[:64]!r}' is no name" if "\0" in value or value != value.strip() else None


def cameras(value: list[str]) -> str | None:
    """Why some texts are not names of cameras, or None."""
    if value == [""]:
        return None
    bad = [name for name in value if not re.fullmatch(r"[A-Za-z]\w*(/[A-Za-z]\w*)*", name)]
    if not value or bad or len(set(value)) != len(value):
        return f"{value} are not different names of namespaces such as front or left/rear"
    return None


def frame_name(value: str) -> str | None:
    """Why a text is not the name of a frame, or None for one, with or without {camera}, and for nothing."""
    if re.fullmatch(r"[\w/.-]*", value.replace("{camera}", "camera")):
        return None
    return f"'{value[:64]}' is not a frame's name"


def mask(value: str) -> str | None:
    """Why a text is neither a file of a mask nor polygons, or None."""
    try:
        # One file a camera is looked for when its camera has a frame.
        if "{camera}" not in value:
            body_mask(value, 8, 8)
    except Prv2Error as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Spec:
    """One parameter: the table below is the only place that knows it."""

    name: str
    default: Any
    description: str
    when: str = LIVE
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None

    def problem(self, value: Any) -> str | None:
        """Why a value cannot be used, or None."""
        if self.choices and value not in self.choices:
            return f"'{value}' is not one of {', '.join(self.choices)}"
        if self.range and not self.range[0] <= value <= self.range[1]:
            return f"{value} is not within {self.range[0]:g} to {self.range[1]:g}"
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
