# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the node in one table: default, description, limits, and when a change takes effect."""

from collections.abc import Mapping
from types import MappingProxyType

from prv2_ros.node.parameter_spec import (
    CONFIGURE,
    LIVE,
    START,
    Spec,
    cameras,
    intensity_range,
    mask,
    parse_size,
    pattern,
    size_or,
    tiles,
)

__all__ = ["BY_NAME", "CONFIGURE", "LIVE", "ORDERED", "START", "TABLE", "Spec", "parse_size"]

_PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_RUNTIMES = ("auto", "torch", "openvino", "openvino:gpu", "onnxruntime")
_WEIGHTS = pattern(r"(?!\s*$)[^\0]+", "the name or path of weights")
_COARSE = pattern(r"|[^\0\s]([^\0]*[^\0\s])?", "a folder, a hub name or topic")
_DEVICE = pattern(r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda or cuda:N")
_GRID = tiles(r"auto|([1-9]\d?)x([1-9]\d?)", "auto or ROWSxCOLUMNS, e.g. 4x4")
_MODE = tiles(r"p16|p49|r([1-9]\d{0,3})", "p16, p49 or r<count>, e.g. r64")
_FRAME = pattern(r"([\w/.-]|\{camera\})*", "a frame name")

TABLE = (
    Spec("autostart", True, "Configure and activate at start; false leaves it to the lifecycle services.", START),
    Spec("weights", "prv2s", "Name of packaged weights, or path of a .safetensors file.", CONFIGURE, check=_WEIGHTS),
    Spec(
        "coarse",
        "",
        "Source of coarse depth: empty for the weights' own branch; folder or hub name of a metric depth model of "
        "transformers; or topic, measured depth on coarse_depth.",
        CONFIGURE,
        check=_COARSE,
    ),
    Spec(
        "coarse_max_age_s",
        0.2,
        "With coarse topic: maximum time [s] between image and measured depth.",
        range=(0.0, 60.0),
    ),
    Spec(
        "device",
        "auto",
        "auto, cpu, cuda or cuda:N; without CUDA the node warns and uses cpu.",
        CONFIGURE,
        check=_DEVICE,
    ),
    Spec("precision", "auto", "Number format of the network; auto fits the device.", CONFIGURE, choices=_PRECISIONS),
    Spec(
        "runtime",
        "auto",
        "Inference runtime; auto is openvino on a CPU and torch on CUDA, openvino:gpu is an Intel GPU.",
        CONFIGURE,
        choices=_RUNTIMES,
    ),
    Spec("grid", "auto", "Tiles of a frame as ROWSxCOLUMNS; auto: about 540x960 pixels each.", CONFIGURE, check=_GRID),
    Spec(
        "mode",
        "p16",
        "Tiling: p16 (no overlap), p49 (overlapping) or r<count> (count more random tiles).",
        CONFIGURE,
        check=_MODE,
    ),
    Spec(
        "latency_budget_ms",
        0.0,
        "Time limit [ms] of a frame: refines as many tiles as fit, at least one; 0: no limit.",
        range=(0.0, 60000.0),
    ),
    Spec(
        "warm_up_size",
        "1920x1080",
        "Size WIDTHxHEIGHT [px] of an empty frame to compute at configure, or off.",
        CONFIGURE,
        check=size_or("off"),
    ),
    Spec(
        "cameras",
        [""],
        "Namespaces of the cameras that share the network; one empty name is a single camera.",
        CONFIGURE,
        check=cameras,
    ),
    Spec(
        "image_transport",
        "raw",
        "Subscribe to image (raw) or image/compressed (compressed).",
        CONFIGURE,
        choices=("raw", "compressed"),
    ),
    Spec("enabled", True, "Compute frames; false pauses. The service ~/enable sets it too."),
    Spec("always_compute", False, "Compute frames even without subscribers, for the times in the diagnostics."),
    Spec("max_rate", 0.0, "Maximum frame rate [Hz] of each camera; 0: no limit.", range=(0.0, 1000.0)),
    Spec(
        "optical_frame",
        "",
        "Frame of the outputs if the image's frame is not the optical one; {camera} is the camera's name.",
        check=_FRAME,
    ),
    Spec(
        "mask",
        "",
        "The robot's own body, NaN in depth: an image, white where it is, or polygons x,y x,y x,y as shares.",
        check=mask,
    ),
    Spec("max_input_megapixels", 64.0, "Larger images [10^6 px] are refused before decoding.", range=(0.01, 1000.0)),
    Spec("camera_info_wait_s", 1.0, "How long [s] the first images wait for camera_info.", range=(0.0, 60.0)),
    Spec(
        "silent_topic_s",
        5.0,
        "Time [s] without images before a warning names the topic and its publishers; 0: never.",
        range=(0.0, 3600.0),
    ),
    Spec("rectify", True, "Remove the lens distortion that camera_info states; depth then follows P, with D = 0."),
    Spec(
        "input_rectified",
        "auto",
        "The image is rectified already: P describes it, D is ignored; auto: by the topic name.",
        choices=("auto", "true", "false"),
    ),
    Spec(
        "intensity_range",
        "full",
        "16-bit values shown as black to white: full, auto or LOW-HIGH.",
        check=intensity_range,
    ),
    Spec("scale_depth_by_focal", True, "Scale depth by the camera's focal length over that of the training."),
    Spec("min_range", 0.1, "Nearer depth [m] is published as -Inf (REP 117).", range=(0.0, 1000.0)),
    Spec("max_range", 80.0, "Farther depth [m], and sky, is published as +Inf (REP 117).", range=(0.01, 100000.0)),
    Spec(
        "depth_encoding",
        "32FC1",
        "32FC1: metres; 16UC1: millimetres, 0 for a pixel without depth (REP 118).",
        choices=("32FC1", "16UC1"),
    ),
    Spec(
        "output_size",
        "input",
        "Size of the depth image: input, half or WIDTHxHEIGHT [px]; camera_info follows.",
        check=size_or("input", "half"),
    ),
    Spec("sharpen_edges", True, "Sharpen soft edges and remove tile seams; false: the network's own depth."),
    Spec(
        "scale_smoothing",
        0.0,
        "Share [1] of past frames in the common depth factor; 0.45 halves its flicker, 0 is off.",
        range=(0.0, 0.95),
    ),
    Spec(
        "min_confidence",
        0.0,
        "Depth with less confidence [1] is NaN, for weights that predict their error; 0 keeps all.",
        range=(0.0, 1.0),
    ),
    Spec("flying_pixels.filter", False, "Set pixels between two surfaces to NaN."),
    Spec(
        "flying_pixels.max_relative_jump",
        0.05,
        "Step [1], relative to the nearer pixel, up to which neighbours are one surface.",
        range=(0.001, 10.0),
    ),
    Spec("points.stride", 4, "The cloud uses every n-th row and column [px] of the depth image.", range=(1, 64)),
    Spec("points.rate", 0.0, "Maximum rate of clouds [Hz]; 0: one for every frame.", range=(0.0, 1000.0)),
    Spec("points.max_range", 60.0, "Points beyond this depth [m] are NaN.", range=(0.01, 100000.0)),
    Spec(
        "points.sky_range",
        0.0,
        "Depth [m] of sky and out-of-range points in the cloud, for clearing; 0: NaN.",
        range=(0.0, 100000.0),
    ),
    Spec(
        "points.layout",
        "xyzrgb",
        "Fields of a point: with colour (16 bytes), without (12), or Autoware's PointXYZIRC (16).",
        choices=("xyzrgb", "xyz", "xyzirc"),
    ),
    Spec("preview.near", 0.5, "Depth [m] of the near end of the colours of depth/image_color.", range=(0.01, 1000.0)),
    Spec("preview.far", 50.0, "Depth [m] of the far end of the colours of depth/image_color.", range=(0.1, 100000.0)),
    Spec(
        "diagnostics.max_allowed_processing_time_ms",
        0.0,
        "Longer processing of a frame [ms] is WARN; 0: 1000 on a GPU, 10000 on a CPU.",
        range=(0.0, 1e6),
    ),
    Spec(
        "diagnostics.max_acceptable_consecutive_delay_ms",
        5000.0,
        "ERROR after this time [ms] without a frame within the limit above.",
        range=(0.0, 1e7),
    ),
)
ORDERED = (("min_range", "max_range"), ("preview.near", "preview.far"))
BY_NAME: Mapping[str, Spec] = MappingProxyType({spec.name: spec for spec in TABLE})
