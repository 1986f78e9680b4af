# SPDX-License-Identifier: Apache-2.0
"""From one image message to everything that is published about it; runs in the worker thread."""

import time
from typing import Any

import numpy as np
import torch
from sensor_msgs.msg import CameraInfo
from torch import Tensor

from prv2_ros.camera import CameraModel
from prv2_ros.engine import filters
from prv2_ros.engine.inputs import Picture
from prv2_ros.engine.transfer import to_device
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb
from prv2_ros.media.levels import parse_levels
from prv2_ros.msg import DepthTiming
from prv2_ros.node.camera import Camera, Frame
from prv2_ros.node.cloud_message import cloud_message
from prv2_ros.node.depth_message import depth_memory, depth_message
from prv2_ros.node.parameter_table import parse_size
from prv2_ros.node.parameters import Parameters
from prv2_ros.node.preview import preview_message


class Stopwatch:
    """Milliseconds between one `lap` and the next."""

    def __init__(self, start: float):
        self._last = start

    def lap(self) -> float:
        """Time since the last lap [ms]."""
        last, self._last = self._last, time.perf_counter()
        return (self._last - last) * 1e3


class Pipeline:
    """Decode, rectify, infer, give values their meaning, publish.

    Args:
        engine: a `prv2_ros.engine.DepthEngine`.
        parameters: of the node; one snapshot serves a whole frame.
        clock: the node's clock.
    """

    def __init__(self, engine: Any, *, parameters: Parameters, clock: Any):
        self.engine = engine
        self._parameters = parameters
        self._clock = clock

    @torch.inference_mode()
    def __call__(self, camera: Camera, frame: Frame) -> None:
        """Compute and publish one frame.

        Raises:
            RefusedImageError, Prv2Error: the image cannot be used.
            Exception: whatever the network raises.
        """
        if not camera.is_current(frame):
            camera.statistics.count("discarded")
            return
        values = self._parameters.values
        watch = Stopwatch(frame.received)
        timing = DepthTiming(header=frame.message.header, queue_wait_ms=watch.lap(), camera=camera.name)
        rgb, model = self._rgb(camera, frame, values)
        camera.calibrated = model.calibrated
        timing.convert_ms = watch.lap()
        self.engine.budget.latency_ms = self._engine_budget_ms(camera, values["latency_budget_ms"])
        self.engine.sharpen_edges = values["sharpen_edges"]
        focal_px = model.focal_px if values["scale_depth_by_focal"] else None
        result = self.engine.infer(rgb, focal_px=focal_px, stream=camera.name)
        watch.lap()
        depth_m = self._values(camera, result.depth, model.outside_on(result.depth.device), values)
        if not camera.is_current(frame):
            camera.statistics.count("discarded")
            return
        self._publish(camera, frame, depth_m, rgb, model, values, timing, watch)
        self._finish(camera, frame, result.timing, depth_m, model, values, timing)

    @staticmethod
    def _engine_budget_ms(camera: Camera, budget_ms: float) -> float | None:
        """What the conversion and publishing of this camera's frames leave the engine of the time for a frame."""
        # However little that is, the engine refines one tile.
        return max(budget_ms - (camera.beside_engine_ms.value or 0.0), 1e-3) if budget_ms else None

    def _rgb(self, camera: Camera, frame: Frame, values: Any) -> tuple[Picture, CameraModel]:
        decode = compressed_to_rgb if camera.transport == "compressed" else image_to_rgb
        rgb = decode(
            frame.message,
            max_pixels=values["max_input_megapixels"] * 1e6,
            levels=parse_levels(values["intensity_range"]),
            note=camera.note_once,
        )
        height, width = rgb.shape[:2]
        model = camera.calibration.of_image(
            frame.message.header.frame_id,
            width=width,
            height=height,
            rectify=values["rectify"],
            input_rectified=camera.input_rectified(values),
        )
        if model.remap and self.engine.device.type != "cpu":
            # Rectified where the network runs; an image without distortion is uploaded by the engine.
            pixels = torch.from_numpy(np.ascontiguousarray(rgb))
            return model.rectify(to_device(pixels, self.engine.device)), model
        return model.rectify(rgb), model

    def _values(self, camera: Camera, depth_m: Tensor, outside: Tensor | None, values: Any) -> Tensor:
        if outside is not None:
            depth_m = depth_m.masked_fill(outside, torch.nan)
        height, width = depth_m.shape
        size = values["output_size"]
        if size == "half":
            width, height = max(width // 2, 1), max(height // 2, 1)
        elif size != "input":
            width, height = parse_size(size)
        depth_m = filters.resample_nearest(depth_m, height, width)
        if values["flying_pixels.filter"]:
            depth_m = filters.mask_flying_pixels(depth_m, values["flying_pixels.max_relative_jump"])
        memory = depth_memory(depth_m, values["depth_encoding"], camera.depth_buffer)
        return filters.apply_range(depth_m, values["min_range"], values["max_range"], out=memory)

    def _publish(
        self,
        camera: Camera,
        frame: Frame,
        depth_m: Tensor,
        rgb: Picture,
        model: CameraModel,
        values: Any,
        timing: DepthTiming,
        watch: Stopwatch,
    ) -> None:
        header = frame.message.header
        height, width = depth_m.shape
        message = None
        if camera.depth.get_subscription_count():
            message = depth_message(header, depth_m, values["depth_encoding"], camera.depth_buffer)
        timing.download_ms = watch.lap()
        if message is not None:
            camera.depth.publish(message)
        timing.frame_age_ms = (self._clock.now().nanoseconds - stamp_ns(header)) / 1e6
        if camera.depth_info.get_subscription_count():
            camera.depth_info.publish(CameraInfo(header=header, **model.depth_info(width, height).fields()))
        if model.calibrated and camera.points.get_subscription_count() and self._points_are_due(camera, values):
            camera.points.publish(
                cloud_message(
                    header,
                    depth_m,
                    model.scaled_matrix(width, height),
                    camera.cloud_buffer,
                    rgb=rgb if values["points.color"] else None,
                    stride=values["points.stride"],
                    max_range_m=values["points.max_range"],
                )
            )
        if camera.preview.get_subscription_count():
            camera.preview.publish(
                preview_message(
                    header, depth_m, camera.preview_buffer, near_m=values["preview.near"], far_m=values["preview.far"]
                )
            )
        timing.publish_ms = watch.lap()

    def _points_are_due(self, camera: Camera, values: Any) -> bool:
        now_ns, last_ns = self._clock.now().nanoseconds, camera.points_published_ns
        rate = values["points.rate"]
        if rate and last_ns is not None and 0 <= now_ns - last_ns < 1e9 / rate:
            return False
        camera.points_published_ns = now_ns
        return True

    def _finish(
        self,
        camera: Camera,
        frame: Frame,
        stages: Any,
        depth_m: Tensor,
        model: CameraModel,
        values: Any,
        timing: DepthTiming,
    ) -> None:
        """Publish the timing message and count the frame."""
        timing.upload_ms, timing.coarse_ms, timing.tiles_ms = stages.upload_ms, stages.coarse_ms, stages.tiles_ms
        timing.assemble_ms = stages.assemble_ms
        timing.tiles_refined, timing.tiles_total = stages.tiles, stages.tiles_total
        timing.total_ms = (time.perf_counter() - frame.received) * 1e3
        timing.input_width, timing.input_height = model.width, model.height
        timing.output_height, timing.output_width = depth_m.shape
        timing.frames_in, timing.frames_dropped = camera.statistics.received, camera.dropped
        timing.device, timing.precision = str(self.engine.device), self.engine.precision
        timing.weights = self.engine.weights_name
        processing_ms = timing.total_ms - timing.queue_wait_ms
        camera.beside_engine_ms.add(processing_ms - stages.total_ms)
        if camera.timing.get_subscription_count():
            camera.timing.publish(timing)
        camera.statistics.on_published(
            self._clock.now().nanoseconds,
            stamp_ns(frame.message.header),
            processing_ms,
            processing_ms <= values["diagnostics.max_allowed_processing_time_ms"],
        )


def stamp_ns(header: Any) -> int:
    """Stamp of a header [ns]."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
