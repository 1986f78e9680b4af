# SPDX-License-Identifier: Apache-2.0
"""The output topics in one table: message type, and how a message is made from a frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float64
from torch import Tensor

from prv2_ros.camera import CameraModel
from prv2_ros.engine.inputs import Picture
from prv2_ros.msg import DepthTiming
from prv2_ros.node.cloud_message import cloud_message
from prv2_ros.node.depth_message import Buffer, depth_message, depth_png_message, picture_message
from prv2_ros.node.preview import jpeg_message, preview_message

try:
    # Autoware's tools read this type; imported by name, since the package does not depend on Autoware.
    TimeMessage = import_module("autoware_internal_debug_msgs.msg").Float64Stamped
except ImportError:
    TimeMessage = Float64

DEPTH, POINTS, TIMING, PROCESSING_TIME = "depth/image_rect", "points", "timing", "debug/processing_time_ms"
CONFIDENCE = "depth/confidence"


@dataclass(frozen=True)
class Products:
    """A frame that is ready to publish.

    Attributes:
        header: stamp and optical frame.
        values: parameters.
        model: camera model of `rgb`.
        rgb: the rectified image.
        width, height: of the outputs [px].
        depth_m: (height, width) metres with the values of REP 117; None if the network did not run.
        confidence: (height, width) in [0, 1], or None if not predicted.
    """

    header: Any
    values: Mapping[str, Any]
    model: CameraModel
    rgb: Picture
    width: int
    height: int
    depth_m: Tensor | None
    confidence: Tensor | None


@dataclass(frozen=True)
class Output:
    """One topic.

    Attributes:
        type: of the messages.
        make: creates the message of a frame in the topic's buffer, or None to publish nothing; None for topics that
            follow all others.
        needs_depth: needs the network.
        needs_calibration: needs a calibrated camera.
    """

    type: type
    make: Callable[[Products, Buffer], Any] | None = None
    needs_depth: bool = True
    needs_calibration: bool = False


def _depth(frame: Products, buffer: Buffer) -> Any:
    return depth_message(frame.header, frame.depth_m, frame.values["depth_encoding"], buffer)


def _depth_png(frame: Products, buffer: Buffer) -> Any:
    return depth_png_message(frame.header, frame.depth_m, frame.values["depth_encoding"])


def _info(frame: Products, buffer: Buffer) -> Any:
    return CameraInfo(header=frame.header, **frame.model.depth_info(frame.width, frame.height))


def _picture(frame: Products, buffer: Buffer) -> Any:
    return picture_message(frame.header, frame.rgb, buffer, height=frame.height, width=frame.width)


def _points(frame: Products, buffer: Buffer) -> Any:
    return cloud_message(
        frame.header,
        frame.depth_m,
        frame.model.scaled_matrix(frame.width, frame.height),
        buffer,
        rgb=frame.rgb,
        layout=frame.values["points.layout"],
        stride=frame.values["points.stride"],
        max_range_m=frame.values["points.max_range"],
        sky_range_m=frame.values["points.sky_range"],
    )


def _preview(frame: Products, buffer: Buffer) -> Any:
    near_m, far_m = frame.values["preview.near"], frame.values["preview.far"]
    return preview_message(frame.header, frame.depth_m, buffer, near_m=near_m, far_m=far_m)


def _preview_jpeg(frame: Products, buffer: Buffer) -> Any:
    return jpeg_message(_preview(frame, buffer))


def _confidence(frame: Products, buffer: Buffer) -> Any:
    return None if frame.confidence is None else depth_message(frame.header, frame.confidence, "32FC1", buffer)


def time_message(header: Any, milliseconds: float) -> Any:
    """Message of a processing time [ms] for the frame of this header."""
    message = TimeMessage(data=float(milliseconds))
    if hasattr(message, "stamp"):
        message.stamp = header.stamp
    return message


# In publishing order: the most urgent first.
OUTPUTS: Mapping[str, Output] = {
    DEPTH: Output(Image, _depth),
    "depth/camera_info": Output(CameraInfo, _info, needs_depth=False),
    "rgb/image_rect": Output(Image, _picture, needs_depth=False),
    "rgb/camera_info": Output(CameraInfo, _info, needs_depth=False),
    POINTS: Output(PointCloud2, _points, needs_calibration=True),
    CONFIDENCE: Output(Image, _confidence),
    "depth/image_rect/compressedDepth": Output(CompressedImage, _depth_png),
    "depth/image_color": Output(Image, _preview),
    "depth/image_color/compressed": Output(CompressedImage, _preview_jpeg),
    TIMING: Output(DepthTiming),
    PROCESSING_TIME: Output(TimeMessage),
}
