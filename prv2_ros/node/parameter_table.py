# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the node in one table: default, meaning, limits, and when a change takes effect."""

from collections.abc import Mapping
from types import MappingProxyType

from prv2_ros.node import parameter_spec as check
from prv2_ros.node.parameter_spec import CONFIGURE, LIVE, START, Spec, parse_size
from prv2_ros.node.parameter_values import intensity_range

__all__ = ["BY_NAME", "CONFIGURE", "LIVE", "ORDERED", "START", "TABLE", "Spec", "parse_size"]

PRECISIONS = ("auto", "fp32", "bf16", "fp16")

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
        check=check.weights,
    ),
    Spec(
        "coarse",
        "",
        "Coarse depth: empty is the weights' own branch; a folder or hub name of a metric depth model of transformers; "
        "or topic, depth measured on coarse_depth.",
        CONFIGURE,
        check=check.coarse,
    ),
    Spec(
        "coarse_max_age_s",
        0.2,
        "With coarse topic: most time [s] between the stamps of an image and of its measured depth.",
        range=(0.0, 60.0),
    ),
    Spec(
        "device",
        "auto",
        "Where the network runs: auto, cpu, cuda or cuda:N; cpu with a warning where CUDA is absent.",
        CONFIGURE,
        check=check.device,
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
        check=check.grid,
    ),
    Spec(
        "mode",
        "p16",
        "Tiling: p16 (no overlap), p49 (overlapping) or r<count> (count random tiles more).",
        CONFIGURE,
        check=check.mode,
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
        check=check.warm_up_size,
    ),
    Spec(
        "cameras",
        [""],
        "Namespaces of the cameras that one network serves; one empty name means a single camera.",
        CONFIGURE,
        check=check.cameras,
    ),
    Spec(
        "image_transport",
        "raw",
        "Subscribe image (raw) or image/compressed (compressed).",
        CONFIGURE,
        choices=("raw", "compressed"),
    ),
    Spec("enabled", True, "Compute frames; false is a pause. The service ~/enable sets it too."),
    Spec(
        "always_compute",
        False,
        "Compute frames also while nobody subscribes to an output, for the times in diagnostics.",
    ),
    Spec("max_rate", 0.0, "Most frames a second [Hz] to compute of each camera; 0 is no limit.", range=(0.0, 1000.0)),
    Spec(
        "optical_frame",
        "",
        "Frame of the outputs where the image does not name its optical one; {camera} is the camera's name.",
        check=check.frame_name,
    ),
    Spec(
        "mask",
        "",
        "The robot's own body, NaN in depth: a picture, white where it is, or polygons as x,y x,y x,y in shares.",
        check=check.mask,
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
        check=check.output_size,
    ),
    Spec("sharpen_edges", True, "Make steps of soft edges, mend seams of tiles; false: depth as the network draws it."),
    Spec(
        "scale_smoothing",
        0.0,
        "Share [1] of the past in each frame's common factor of depth; 0.45 halves its flicker, 0 is off.",
        range=(0.0, 0.95),
    ),
    Spec(
        "min_confidence",
        0.0,
        "Confidence [1] under which depth is unknown (NaN), for weights that tell their error; 0 keeps all.",
        range=(0.0, 1.0),
    ),
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
    Spec(
        "points.sky_range",
        0.0,
        "Depth [m] at which sky and what is out of range stand in the cloud, for clearing; 0 is NaN.",
        range=(0.0, 100000.0),
    ),
    Spec(
        "points.layout",
        "xyzrgb",
        "Fields of a point: with colour (16 bytes), without (12), or as Autoware's PointXYZIRC (16).",
        choices=("xyzrgb", "xyz", "xyzirc"),
    ),
    Spec("preview.near", 0.5, "Depth [m] with the near end's colour in depth/image_color.", range=(0.01, 1000.0)),
    Spec("preview.far", 50.0, "Depth [m] with the far end's colour in depth/image_color.", range=(0.1, 100000.0)),
    Spec(
        "diagnostics.max_allowed_processing_time_ms",
        0.0,
        "Processing time [ms] of a frame above which diagnostics WARN; 0 is 1000 on a GPU, 10000 on a CPU.",
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
