# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node: connects engine, cameras, mailbox, worker and diagnostics."""

import traceback
from collections.abc import Callable
from typing import Any

import torch
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from prv2_ros.errors import Prv2Error
from prv2_ros.node import qos, story
from prv2_ros.node.camera import Camera
from prv2_ros.node.diagnostics import Diagnostics
from prv2_ros.node.failures import FAILURE, SUCCESS, count_failure, transition
from prv2_ros.node.mailbox import Mailbox
from prv2_ros.node.parameter_table import parse_size
from prv2_ros.node.parameters import Parameters
from prv2_ros.node.pipeline import Pipeline
from prv2_ros.node.topics import shared
from prv2_ros.node.worker import Worker

# How long a cleanup waits for the frame in progress.
_JOIN_S = 3.0
_CLOCK_PATIENCE_S = 5


class DepthNode(LifecycleNode):
    """Image and camera_info in; depth, camera_info, cloud, preview, timing and diagnostics out.

    Args:
        load_engine: `DepthEngine.load` or a function with the same arguments.
        node_name: default name of the node.
        kwargs: for `rclpy.node.Node`.

    Attributes:
        device_lost: only a new process can use the device again; `ended` once the diagnostics have said so.
    """

    def __init__(self, *, load_engine: Callable[..., Any], node_name: str = "depth_node", **kwargs: Any):
        super().__init__(node_name, **kwargs)
        self._load_engine = load_engine
        self._log_bridge = story.LogBridge(self.get_logger())
        self.engine: Any = None
        self.mailbox: Mailbox | None = None
        self.worker: Worker | None = None
        self.cameras: list[Camera] = []
        self.problem = ""
        self.device_lost = self.ended = False
        self._state = "unconfigured"
        self._seconds_without_clock = 0
        self.parameters = Parameters(self, is_configured=lambda: self.engine is not None)
        self._switch = self.create_service(SetBool, "~/enable", self._on_enable)
        self._diagnostics = Diagnostics(self)
        # Steady, so that the node can warn about a missing /clock.
        self._timer = self.create_timer(1.0, self._every_second, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def autostart(self) -> None:
        """Configure and activate, unless the parameter is off."""
        if not self.parameters.values["autostart"]:
            self.get_logger().info("autostart is off: waiting to be configured")
        elif self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    @transition
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the network, create the publishers, start the worker."""
        values = self.parameters.values
        try:
            self.engine = self._load(values)
            names = values["cameras"]
            self.mailbox = Mailbox(names)
            common = {
                "mailbox": self.mailbox,
                "parameters": self.parameters,
                "transport": values["image_transport"],
                "needs_focal": self.engine.canonical_focal_px is not None,
            }
            self.cameras = []
            for name in names:
                self.cameras.append(Camera(self, name, **common))
            for text in shared({camera.name: camera.topics for camera in self.cameras}):
                self.get_logger().warning(text)
            pipeline = Pipeline(self.engine, parameters=self.parameters, clock=self.get_clock())
            by_name = {camera.name: camera for camera in self.cameras}
            self.worker = Worker(
                self.mailbox,
                process=lambda name, frame: pipeline(by_name[name], frame),
                on_failure=lambda name, error: self._on_failure(by_name[name], error),
            )
            self.worker.start(first=None if values["warm_up_size"] == "off" else self._warm_up)
        except BaseException:
            self._release()
            raise
        self._state = "inactive"
        return super().on_configure(state)

    @transition
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe."""
        if self.worker is None or not self.worker.usable:
            raise Prv2Error("an earlier cleanup did not finish; clean up again")
        try:
            for camera in self.cameras:
                camera.activate()
                measured = f" and measured depth of '{camera.coarse.topic}'" if camera.coarse else ""
                self.get_logger().info(f"depth of '{camera.image_topic}' with '{camera.info_topic}'{measured}")
        except BaseException:
            for camera in self.cameras:
                camera.deactivate()
            raise
        self._state = "active"
        return super().on_activate(state)

    @transition
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe; the frame in progress is not published."""
        for camera in self.cameras:
            camera.deactivate()
        if self.mailbox is not None:
            self.mailbox.clear()
        self._state = "inactive"
        return super().on_deactivate(state)

    @transition
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Join the worker, destroy the publishers, free the network's memory."""
        if not self._release():
            self.get_logger().error(f"a frame is still in progress after {_JOIN_S:g} s; clean up again")
            return FAILURE
        self._state = "unconfigured"
        return SUCCESS

    @transition
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Like cleanup, from any state."""
        self._release()
        self._state = "finalized"
        return SUCCESS

    @transition
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured."""
        self._release()
        self._state = "unconfigured"
        return SUCCESS

    def close(self) -> bool:
        """Release everything in any state; false if a long frame is still in progress and was left behind."""
        self._timer.cancel()
        self._log_bridge.close()
        joined = self._release()
        if not joined:
            self.get_logger().warning(f"a frame is still in progress after {_JOIN_S:g} s: ending without it")
        return joined

    def _warm_up(self) -> None:
        width, height = parse_size(self.parameters.values["warm_up_size"])
        self.engine.warm_up(height, width)

    def _load(self, values: Any) -> Any:
        device = values["device"]
        if device.startswith("cuda") and not torch.cuda.is_available():
            self.get_logger().warning(
                f"device is '{device}', but CUDA is not available: falls back to the CPU, which is slow"
            )
            device = "cpu"
        grid = None if values["grid"] == "auto" else tuple(int(part) for part in values["grid"].split("x"))
        chosen = {name: values[name] for name in ("weights", "precision", "mode", "runtime")}
        coarse = values["coarse"] or None
        engine = self._load_engine(device=device, grid=grid, coarse=coarse, **chosen)
        where = f"{engine.device}, {engine.precision}, {engine.runtime}"
        self.get_logger().info(f"weights {engine.weights_name} on {where}" + (f", coarse {coarse}" if coarse else ""))
        story.log_runtime(self, engine, values)
        return engine

    def _release(self) -> bool:
        """Undo configure; false if the worker did not end in time, and so keeps its resources."""
        for camera in self.cameras:
            camera.deactivate()
        if self.worker is not None and not self.worker.stop(_JOIN_S):
            return False
        for camera in self.cameras:
            camera.destroy()
        if self.engine is not None:
            try:
                self.engine.close()
            except Exception:  # noqa: BLE001 - a device without an answer must not block the node
                self.get_logger().error(f"the engine could not be closed: {traceback.format_exc()}")
        self.cameras, self.worker, self.mailbox, self.engine = [], None, None, None
        return True

    def _on_failure(self, camera: Camera, error: Exception) -> None:
        if (problem := count_failure(camera.statistics, error)) is not None:
            self.problem, self.device_lost = problem, True
            self.get_logger().fatal(f"{problem}: ending, restart the node")

    def _every_second(self) -> None:
        values = self.parameters.values
        if self.worker is not None and self.worker.revive():
            self.get_logger().error(f"the worker thread died and was restarted: {self.worker.crash}")
        self._warn_of_clock()
        for camera in self.cameras:
            camera.rest_or_wake()
            camera.ask_for_earlier_info()
            if values["enabled"] and camera.is_too_silent(values["silent_topic_s"]):
                self._warn_of_silence(camera)
        self._diagnostics.publish(
            state=self._state,
            problem=self.problem,
            engine=self.engine,
            worker=self.worker,
            cameras=self.cameras,
            values=values,
        )
        # The diagnostics have said why.
        self.ended = self.device_lost

    def _warn_of_clock(self) -> None:
        self._seconds_without_clock = 0 if self.get_clock().now().nanoseconds else self._seconds_without_clock + 1
        if self._seconds_without_clock == _CLOCK_PATIENCE_S:
            self.get_logger().warning("use_sim_time is on, but nobody publishes /clock: rates and ages do not advance")

    def _warn_of_silence(self, camera: Camera) -> None:
        offered = camera.silence.news(camera.image_publishers())
        if offered is None:
            return
        takes = camera.subscriptions
        self.get_logger().warning(
            f"no image on '{camera.image_topic}' for {camera.silent_s:.1f} s; published by: {offered}; this node takes "
            f"sensor_msgs/msg/{takes.image_type.__name__}, {qos.describe_qos(takes.image_qos)}"
        )

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        (result,) = self.set_parameters([Parameter("enabled", value=request.data)])
        response.success = result.successful
        response.message = result.reason or ("computing" if request.data else "pausing")
        return response
