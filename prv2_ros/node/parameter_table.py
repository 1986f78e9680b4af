# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the node in one table: default, meaning, limits, and when a change takes effect."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from prv2_ros.node.parameter_values import intensity_range

LIVE = "live"
CONFIGURE = "configure"
START = "start"
_WHEN = {
    LIVE: "A change takes effect with the next frame.",
    CONFIGURE: "Read at configure: a change is refused while the node is configured.",
    START: "Read only.",
}


_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of "WIDTHxHEIGHT". Raises ValueError for anything else."""
    if not (match := _SIZE.fullmatch(text)):
        raise ValueError(_explicit_size(text))
    return int(match[1]), int(match[2])


def _explicit_size(value: str) -> str | None:
    return None if _SIZE.fullmatch(value) else f"'{value}' is not WIDTHxHEIGHT, e.g. 1280x720"


def _output_size(value: str) -> str | None:
    return None if value in ("input", "half") else _explicit_size(value)


def _warm_up_size(value: str) -> str | None:
    return None if value == "off" else _explicit_size(value)


def _grid(value: str) -> str | None:
    return None if re.fullmatch(r"auto|[1-9]\d?x[1-9]\d?", value) else f"'{value}' is not auto or ROWSxCOLUMNS like 4x4"


def _mode(value: str) -> str | None:
    return None if re.fullmatch(r"p16|p49|r[1-9]\d{0,3}", value) else f"'{value}' is not p16, p49 or r<count>, e.g. r64"


def _device(value: str) -> str | None:
    return None if re.fullmatch(r"auto|cpu|cuda(:\d+)?", value) else f"'{value}' is not auto, cpu, cuda or cuda:N"


def _weights(value: str) -> str | None:
    return None if value.strip() and "\0" not in value else "weights may not be empty"


def _cameras(value: list[str]) -> str | None:
    if value == [""]:
        return None
    bad = [name for name in value if not re.fullmatch(r"[A-Za-z]\w*(/[A-Za-z]\w*)*", name)]
    if not value or bad or len(set(value)) != len(value):
        return f"{value} are not different names of namespaces such as front or left/rear"
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


TABLE = (
    Spec(
        "autostart",
        True,
        "Configure and activate when the process starts; false leaves it to the lifecycle services.",
        START,
    ),
    Spec(
        "weights",
        "prv2s",
        "Name of weights that come with the package, or path of a .safetensors file.",
        CONFIGURE,
        check=_weights,
    ),
    Spec(
        "device",
        "auto",
        "Where the network runs: auto, cpu, cuda or cuda:N; cpu with a warning where CUDA is absent.",
        CONFIGURE,
        check=_device,
    ),
    Spec("precision", "auto", "Number format of the network; auto fits the device.", CONFIGURE, choices=PRECISIONS),
    Spec(
        "runtime",
        "auto",
        "What computes the network; auto is openvino on a CPU and torch on CUDA, openvino:gpu an Intel GPU.",
        CONFIGURE,
        choices=("auto", "torch", "openvino", "openvino:gpu", "onnxruntime"),
    ),
    Spec(
        "grid",
        "auto",
        "Tiles of a frame as ROWSxCOLUMNS; auto keeps a tile near 540x960 pixels.",
        CONFIGURE,
        check=_grid,
    ),
    Spec(
        "mode",
        "p16",
        "Tiling: p16 (no overlap), p49 (overlapping) or r<count> (count random tiles more).",
        CONFIGURE,
        check=_mode,
    ),
    Spec(
        "latency_budget_ms",
        0.0,
        "Time [ms] for a frame, conversion to publishing: as many tiles are refined as fit, one at least; 0: all.",
        range=(0.0, 60000.0),
    ),
    Spec(
        "warm_up_size",
        "1920x1080",
        "Size WIDTHxHEIGHT [px] of an empty frame computed at configure, or off.",
        CONFIGURE,
        check=_warm_up_size,
    ),
    Spec(
        "cameras",
        [""],
        "Namespaces of the cameras that one network serves; one empty name means a single camera.",
        CONFIGURE,
        check=_cameras,
    ),
    Spec(
        "image_transport",
        "raw",
        "Subscribe image (raw) or image/compressed (compressed).",
        CONFIGURE,
        choices=("raw", "compressed"),
    ),
    Spec(
        "max_input_megapixels",
        64.0,
        "Images with more pixels [10^6 px] are refused before they are decoded.",
        range=(0.01, 1000.0),
    ),
    Spec(
        "camera_info_wait_s",
        1.0,
        "How long [s] the first images wait for camera_info before they pass as uncalibrated.",
        range=(0.0, 60.0),
    ),
    Spec(
        "silent_topic_s",
        5.0,
        "Seconds [s] without an image until one warning names the topic and its publishers; 0 is never.",
        range=(0.0, 3600.0),
    ),
    Spec("rectify", True, "Undistort the image when camera_info has distortion; depth then follows P, with D = 0."),
    Spec(
        "input_rectified",
        "auto",
        "The image is rectified already: P is its camera, D is not used; auto: by its topic's name.",
        choices=("auto", "true", "false"),
    ),
    Spec("intensity_range", "full", "16-bit values of black and white: full, auto or LOW-HIGH.", check=intensity_range),
    Spec(
        "scale_depth_by_focal", True, "Multiply depth by the camera's focal length over that of the network's training."
    ),
    Spec("min_range", 0.1, "Depth [m] nearer than this is published as -Inf (REP 117).", range=(0.0, 1000.0)),
    Spec("max_range", 80.0, "Depth [m] beyond this, and sky, is published as +Inf (REP 117).", range=(0.01, 100000.0)),
    Spec(
        "depth_encoding",
        "32FC1",
        "32FC1: metres; 16UC1: millimetres, 0 for every pixel without a depth (REP 118).",
        choices=("32FC1", "16UC1"),
    ),
    Spec(
        "output_size",
        "input",
        "Size of the depth image: input, half or WIDTHxHEIGHT [px]; camera_info follows.",
        check=_output_size,
    ),
    Spec("sharpen_edges", True, "Make steps of soft edges, mend seams of tiles; false: depth as the network draws it."),
    Spec("flying_pixels.filter", False, "Set pixels that hang between two surfaces to NaN."),
    Spec(
        "flying_pixels.max_relative_jump",
        0.05,
        "Step [1], relative to the nearer pixel, up to which neighbours are one surface.",
        range=(0.001, 10.0),
    ),
    Spec("points.stride", 4, "The cloud takes every n-th row and column [px] of the depth image.", range=(1, 64)),
    Spec("points.rate", 0.0, "Most clouds a second [Hz]; 0 is one for every frame.", range=(0.0, 1000.0)),
    Spec("points.max_range", 60.0, "Points [m] beyond this depth become NaN.", range=(0.01, 100000.0)),
    Spec("points.color", True, "Points carry the image's colour; without it a point has 12 instead of 16 bytes."),
    Spec("preview.near", 0.5, "Depth [m] with the near end's colour in depth/image_color.", range=(0.01, 1000.0)),
    Spec("preview.far", 50.0, "Depth [m] with the far end's colour in depth/image_color.", range=(0.1, 100000.0)),
    Spec(
        "diagnostics.max_allowed_processing_time_ms",
        1000.0,
        "Processing time [ms] of a frame above which diagnostics WARN.",
        range=(0.0, 1e6),
    ),
    Spec(
        "diagnostics.max_acceptable_consecutive_delay_ms",
        5000.0,
        "Time [ms] since the last frame within the limit above after which diagnostics say ERROR.",
        range=(0.0, 1e7),
    ),
)
ORDERED = (("min_range", "max_range"), ("preview.near", "preview.far"))
BY_NAME: Mapping[str, Spec] = MappingProxyType({spec.name: spec for spec in TABLE})
