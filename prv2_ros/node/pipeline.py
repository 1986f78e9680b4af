# SPDX-License-Identifier: Apache-2.0
"""From an image message to its outputs; runs in the worker thread."""

import time
from typing import Any

import numpy as np
import torch
from std_msgs.msg import Header

from prv2_ros.camera import CameraModel
from prv2_ros.engine.inputs import Picture
from prv2_ros.engine.timing import FrameTiming
from prv2_ros.engine.transfer import to_device
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import image_to_rgb
from prv2_ros.media.levels import parse_levels
from prv2_ros.msg import DepthTiming
from prv2_ros.node import story
from prv2_ros.node.camera import Camera
from prv2_ros.node.coarse_topic import Measure
from prv2_ros.node.depth_values import depth_values, of_camera, output_size
from prv2_ros.node.diagnostics import allowed_ms
from prv2_ros.node.image_watch import stamp_ns
from prv2_ros.node.mailbox import Frame
from prv2_ros.node.outputs import CONFIDENCE, DEPTH, OUTPUTS, POINTS, PROCESSING_TIME, TIMING, Products, time_message
from prv2_ros.node.parameters import Parameters


class Stopwatch:
    """Milliseconds between one `lap` and the next."""

    def __init__(self, start: float):
        self._last = start

    def lap(self) -> float:
        """Time since the last lap [ms]."""
        last, self._last = self._last, time.perf_counter()
        return (self._last - last) * 1e3


class Pipeline:
    """Decode, rectify, infer, post-process and publish; one snapshot of the parameters serves a whole frame."""

    def __init__(self, engine: Any, *, parameters: Parameters, clock: Any):
        self.engine = engine
        self._parameters = parameters
        self._clock = clock

    @torch.inference_mode()
    def __call__(self, camera: Camera, frame: Frame) -> None:
        """Compute and publish the outputs of a frame that have subscribers.

        Raises:
            RefusedImageError, Prv2Error: the image or a file that a parameter names cannot be used.
            Exception: whatever the network raises.
        """
        if not camera.is_current(frame):
            camera.statistics.count("discarded")
            return
        values = self._parameters.values
        wanted = camera.wanted()
        if not wanted and not values["always_compute"]:
            camera.statistics.count("skipped")
            return
        measure = None
        if camera.coarse is not None:
            measure = camera.coarse.partner(frame.message.header, values["coarse_max_age_s"])
            if measure is None:
                return
        watch = Stopwatch(frame.received)
        header = _header(camera, frame, values)
        timing = DepthTiming(header=header, queue_wait_ms=watch.lap(), camera=camera.name)
        rgb, model = self._rgb(camera, frame, values)
        wanted -= self._not_now(camera, wanted, model, values)
        needs_depth = values["always_compute"] or any(OUTPUTS[topic].needs_depth for topic in wanted)
        if not wanted and not needs_depth:
            camera.statistics.count("skipped")
            return
        timing.convert_ms = watch.lap()
        height, width = output_size(values["output_size"], *rgb.shape[:2])
        depth_m, confidence, stages = None, None, FrameTiming()
        if needs_depth:
            result = self._infer(camera, rgb, model, values, measure)
            watch.lap()
            stages = result.timing
            depth_m, confidence = depth_values(
                camera, result, model, values, size=(height, width), confidence=CONFIDENCE in wanted
            )
        products = Products(header, values, model, rgb, width, height, depth_m, confidence)
        if not camera.is_current(frame):
            camera.statistics.count("discarded")
            return
        self._publish(camera, products, wanted, timing, watch)
        self._finish(camera, frame, products, wanted, stages, timing)

    def _not_now(self, camera: Camera, wanted: set[str], model: CameraModel, values: Any) -> set[str]:
        """Outputs with subscribers that this frame does not provide."""
        if not model.calibrated:
            return {topic for topic in wanted if OUTPUTS[topic].needs_calibration}
        return {POINTS} if POINTS in wanted and not self._points_are_due(camera, values) else set()

    def _infer(self, camera: Camera, rgb: Picture, model: CameraModel, values: Any, measure: Measure | None) -> Any:
        self.engine.budget.latency_ms = self._engine_budget_ms(camera, values["latency_budget_ms"])
        self.engine.sharpen_edges = values["sharpen_edges"]
        focal_px = model.focal_px if values["scale_depth_by_focal"] else None
        given = {} if measure is None else {"coarse_depth_m": model.rectify_depth(measure.depth_m)}
        return self.engine.infer(rgb, focal_px=focal_px, stream=camera.name, **given)

    @staticmethod
    def _engine_budget_ms(camera: Camera, budget_ms: float) -> float | None:
        """Time limit of the engine: the budget without conversion and publishing."""
        # The engine refines at least one tile.
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
        camera.calibrated = model.calibrated
        if model is not camera.model:
            camera.model = model
            story.log_camera(camera, frame.message.header.frame_id, model)
        if model.remap and self.engine.device.type != "cpu":
            # Rectify on the device; the engine uploads images without distortion.
            pixels = torch.from_numpy(np.ascontiguousarray(rgb))
            return model.rectify(to_device(pixels, self.engine.device)), model
        return model.rectify(rgb), model

    def _publish(
        self, camera: Camera, products: Products, wanted: set[str], timing: DepthTiming, watch: Stopwatch
    ) -> None:
        timing.download_ms = watch.lap() if DEPTH not in wanted else 0.0
        for topic, output in OUTPUTS.items():
            if topic not in wanted or output.make is None:
                continue
            message = output.make(products, camera.buffers[topic])
            if topic == DEPTH:
                timing.download_ms = watch.lap()
            if message is not None:
                camera.publishers[topic].publish(message)
            if topic == DEPTH:
                timing.frame_age_ms = self._age_ms(products.header)
        if DEPTH not in wanted:
            timing.frame_age_ms = self._age_ms(products.header)
        timing.publish_ms = watch.lap()

    def _age_ms(self, header: Any) -> float:
        return (self._clock.now().nanoseconds - stamp_ns(header)) / 1e6

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
        products: Products,
        wanted: set[str],
        stages: Any,
        timing: DepthTiming,
    ) -> None:
        """Publish the timing and count the frame."""
        timing.upload_ms, timing.coarse_ms, timing.tiles_ms = stages.upload_ms, stages.coarse_ms, stages.tiles_ms
        timing.assemble_ms = stages.assemble_ms
        timing.tiles_refined, timing.tiles_total = stages.tiles, stages.tiles_total
        timing.total_ms = (time.perf_counter() - frame.received) * 1e3
        timing.input_width, timing.input_height = products.model.width, products.model.height
        timing.output_height, timing.output_width = products.height, products.width
        timing.frames_in, timing.frames_dropped = camera.statistics.received, camera.dropped
        timing.device, timing.precision = str(self.engine.device), self.engine.precision
        timing.weights = self.engine.weights_name
        processing_ms = timing.total_ms - timing.queue_wait_ms
        if products.depth_m is not None:
            camera.beside_engine_ms.add(processing_ms - stages.total_ms)
        if TIMING in wanted:
            camera.publishers[TIMING].publish(timing)
        if PROCESSING_TIME in wanted:
            camera.publishers[PROCESSING_TIME].publish(time_message(products.header, processing_ms))
        story.log_frame(camera, timing, wanted)
        limit_ms = allowed_ms(products.values, self.engine.device)
        camera.statistics.on_published(
            self._clock.now().nanoseconds, stamp_ns(products.header), processing_ms, processing_ms <= limit_ms
        )


def _header(camera: Camera, frame: Frame, values: Any) -> Any:
    """The image's header, with the parameter optical_frame if set."""
    header = frame.message.header
    if not values["optical_frame"]:
        return header
    return Header(stamp=header.stamp, frame_id=of_camera(values["optical_frame"], camera))
