# SPDX-License-Identifier: Apache-2.0
"""Makes the messages that the node would publish for an image message of a recording.

Three steps for three threads: `prepare` on the host, `compute` on the engine's device, `depth_messages` on the host.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prv2_ros.bags.convert.calibration import Calibrations
from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.convert.plan import Camera
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, IMAGE_TYPE, TIMING_TYPE, typestore
from prv2_ros.camera import CameraModel
from prv2_ros.engine import filters
from prv2_ros.engine.cloud import organised_cloud
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb
from prv2_ros.media.levels import FULL_RANGE, Levels

MAX_PIXELS = 1 << 28


@dataclass(frozen=True)
class Picture:
    """A decoded and rectified image: (H, W, 3) uint8 `rgb`, its camera, and warnings about it."""

    header: Any
    rgb: np.ndarray
    model: CameraModel
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrameDepth:
    """Results of a picture, on the host.

    Attributes:
        depth: (H, W) float32 metres with the values of REP 117.
        cloud: (h, w, 4) float32 x y z rgb, or None.
        times: Measured times in ms, and `tiles`.
    """

    depth: np.ndarray
    cloud: np.ndarray | None
    times: dict[str, float]


def prepare(camera: Camera, message: Any, known: Calibrations, levels: Levels = FULL_RANGE, *, arrival: int) -> Picture:
    """Decode an image message that arrived at this time [ns], and rectify it by its camera_info.

    Raises:
        ImageError: It cannot be used.
    """
    decode = compressed_to_rgb if hasattr(message, "format") else image_to_rgb
    notes: dict[str, str] = {}
    rgb = decode(message, max_pixels=MAX_PIXELS, levels=levels, note=notes.setdefault)
    height, width = rgb.shape[:2]
    model = known.of_image(
        camera.image, stamp_ns(message), arrival=arrival, width=width, height=height, rectified=camera.rectified
    )
    rgb = model.rectify(rgb)
    # A raw rgb8 image is a read-only view of the recording, and torch needs writable memory.
    return Picture(message.header, rgb if rgb.flags.writeable else rgb.copy(), model, tuple(notes.values()))


@torch.inference_mode()
def compute(engine: Any, picture: Picture, options: Options, measured_m: np.ndarray | None = None) -> FrameDepth:
    """Depth and cloud of a picture by a DepthEngine; measured depth (h, w) replaces the coarse branch.

    Raises:
        ImageError: The picture is too small, or almost no pixel has measured depth.
        Prv2Error: The device is out of memory.
    """
    model = picture.model
    given = {} if measured_m is None else {"coarse_depth_m": model.rectify_depth(measured_m)}
    result = engine.infer(picture.rgb, focal_px=model.focal_px, **given)
    depth = result.depth
    outside = model.outside_on(depth.device)
    if outside is not None:
        depth = depth.masked_fill(outside, torch.nan)
    depth = filters.apply_range(depth, options.min_range_m, options.max_range_m)
    cloud = _cloud(depth, picture, options) if model.calibrated and options.points_stride else None
    # Copied by this thread: another one would wait in the device's queue behind the next frame.
    return FrameDepth(to_host(depth), None if cloud is None else to_host(cloud), result.timing.as_dict())


def _cloud(depth: torch.Tensor, picture: Picture, options: Options) -> torch.Tensor:
    (fx, _, cx), (_, fy, cy), _ = picture.model.matrix.tolist()
    stride = options.points_stride
    colour = to_device(torch.from_numpy(np.ascontiguousarray(picture.rgb[::stride, ::stride])), depth.device)
    return organised_cloud(
        depth, fx=fx, fy=fy, cx=cx, cy=cy, rgb=colour, stride=stride, max_range_m=options.points_max_range_m
    )


def depth_messages(picture: Picture, made: FrameDepth, *, engine: Any, camera: Camera) -> list[tuple[str, str, Any]]:
    """(topic, type, message) of all outputs of a frame, in publishing order; the engine only describes itself."""
    header = picture.header
    height, width = made.depth.shape
    depth_topic, info_topic, points_topic, timing_topic = camera.outputs
    messages = [
        (depth_topic, IMAGE_TYPE, _depth_message(header, made.depth)),
        (info_topic, CAMERA_INFO_TYPE, _info_message(header, picture.model, width, height)),
    ]
    if made.cloud is not None:
        messages.append((points_topic, CLOUD_TYPE, _cloud_message(header, np.ascontiguousarray(made.cloud))))
    messages.append((timing_topic, TIMING_TYPE, _timing_message(header, engine, made.times, picture.rgb.shape)))
    return messages


def _depth_message(header: Any, depth_m: np.ndarray) -> Any:
    height, width = depth_m.shape
    return typestore().types[IMAGE_TYPE](
        header=header,
        height=height,
        width=width,
        encoding="32FC1",
        is_bigendian=0,
        step=4 * width,
        data=np.ascontiguousarray(depth_m, "<f4").view(np.uint8).ravel(),
    )


def _info_message(header: Any, model: CameraModel, width: int, height: int) -> Any:
    types = typestore().types
    region = types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    fields = model.depth_info(width, height)
    fields.update({name: np.array(fields[name], np.float64) for name in ("d", "k", "r", "p")})
    return types[CAMERA_INFO_TYPE](header=header, binning_x=0, binning_y=0, roi=region, **fields)


def _cloud_message(header: Any, cloud: np.ndarray) -> Any:
    types = typestore().types
    fields = [
        types["sensor_msgs/msg/PointField"](name=name, offset=4 * index, datatype=7, count=1)
        for index, name in enumerate(("x", "y", "z", "rgb"))
    ]
    height, width = cloud.shape[:2]
    return types[CLOUD_TYPE](
        header=header,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=False,
        point_step=16,
        row_step=16 * width,
        data=cloud.view(np.uint8).ravel(),
        is_dense=False,
    )


def _timing_message(header: Any, engine: Any, times: dict[str, float], shape: tuple[int, ...]) -> Any:
    """Measured times are in timing.csv instead, so that the recording is the same every time."""
    values: dict[str, Any] = dict.fromkeys((name for name, _ in typestore().fielddefs[TIMING_TYPE][1]), 0)
    values.update(
        header=header,
        tiles_refined=int(times["tiles"]),
        tiles_total=int(times["tiles"]),
        input_width=shape[1],
        input_height=shape[0],
        output_width=shape[1],
        output_height=shape[0],
        device=str(engine.device),
        precision=engine.precision,
        weights=engine.weights_name,
        camera="",
    )
    return typestore().types[TIMING_TYPE](**values)
