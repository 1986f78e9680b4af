# SPDX-License-Identifier: Apache-2.0
"""One camera of the node: subscriptions, publishers, buffers, calibration and statistics."""

import time
from collections.abc import Mapping
from typing import Any

from prv2_ros.camera import UNCALIBRATED, Calibration, says_rectified
from prv2_ros.engine.timing import RunningMedian
from prv2_ros.node import qos
from prv2_ros.node.coarse_topic import TOPIC, CoarseTopic
from prv2_ros.node.depth_message import Buffer
from prv2_ros.node.image_watch import HeaderCheck, Pace, Rest, Silence, TransportLoss, fits, stamp_ns
from prv2_ros.node.mailbox import Frame, Mailbox
from prv2_ros.node.outputs import OUTPUTS
from prv2_ros.node.parameters import Parameters
from prv2_ros.node.statistics import Statistics
from prv2_ros.node.steadiness import ScaleSmoother
from prv2_ros.node.subscriptions import Subscriptions
from prv2_ros.node.topics import image_topics


class Camera:
    """Endpoints and state of one camera. Publishers exist from configure to cleanup, subscriptions while active.

    Args:
        node: rclpy lifecycle node.
        name: namespace of the camera below the node's, "" for a single camera.
        mailbox: receives the images.
        parameters: of the node.
        transport: "raw" or "compressed"; a topic that ends in /compressed is always compressed.
        needs_focal: depth is metric only with the focal length of camera_info; false for a metric coarse source.
    """

    def __init__(
        self,
        node: Any,
        name: str,
        *,
        mailbox: Mailbox,
        parameters: Parameters,
        transport: str,
        needs_focal: bool = True,
    ):
        self.name = name
        self.without_calibration = UNCALIBRATED if needs_focal else "there is no point cloud"
        self._node = node
        self._mailbox = mailbox
        self._parameters = parameters
        self.logger = node.get_logger().get_child(name.replace("/", ".")) if name else node.get_logger()
        self.statistics = Statistics(self.logger)
        self.session = 0
        self.active = False
        self.topics = image_topics(node, self._prefix, transport)
        self.image_topic, self.info_topic, self.transport = self.topics
        self.buffers = {topic: Buffer() for topic in OUTPUTS}
        self.beside_engine_ms = RunningMedian()
        self.subscriptions = Subscriptions(
            node, self.topics, on_image=self._on_image, on_info=self._on_info, on_incompatible=self._on_incompatible
        )
        self.coarse: CoarseTopic | None = None
        if parameters.values["coarse"] == "topic":
            self.coarse = CoarseTopic(
                node,
                node.resolve_topic_name(self._prefix + TOPIC),
                statistics=self.statistics,
                on_depth=lambda reach_ns: mailbox.release(name, reach_ns),
                on_incompatible=self._on_incompatible,
            )
        self.publishers: dict[str, Any] = {}
        try:
            for topic, output in OUTPUTS.items():
                self.publishers[topic] = self._publisher(output.type, topic)
        except BaseException:
            self.destroy()
            raise
        self._start_anew()

    @property
    def _prefix(self) -> str:
        return f"{self.name}/" if self.name else ""

    def activate(self) -> None:
        """Subscribe."""
        self._start_anew()
        self.session += 1
        self.subscriptions.open()
        if self.coarse is not None:
            self.coarse.open()
        self.active = True
        if self.input_rectified(self._parameters.values):
            self.logger.info(f"'{self.image_topic}' is rectified already: P of camera_info describes it")

    def rest_or_wake(self) -> None:
        """Unsubscribe from an image topic whose outputs nobody uses, and subscribe again when somebody does."""
        if not self.active:
            return
        rested, needed = self.rest.resting, self._is_needed(self._parameters.values)
        resting = self.rest.decide(time.monotonic(), needed=needed, silent_s=self.silent_s)
        if resting and not rested:
            self.subscriptions.close_images()
            self.logger.debug(f"no output of '{self.image_topic}' has a subscriber: unsubscribed")
        elif rested and not resting:
            self.silence, self._loss = Silence(self._now_ns()), TransportLoss()
            try:
                self.subscriptions.open_images()
            except BaseException:
                self.rest.resting = True
                raise
            self.logger.debug(f"subscribed to '{self.image_topic}' again")

    def ask_for_earlier_info(self) -> None:
        """Without any camera_info so far, fetch one that a publisher sent before and keeps."""
        if self.active and not self.calibration.known:
            self.subscriptions.ask_for_earlier_info()

    def input_rectified(self, values: Mapping[str, Any]) -> bool:
        """Whether the images are rectified already, by the parameter or by the topic name."""
        stated = values["input_rectified"]
        return stated == "true" or (stated == "auto" and says_rectified(self.image_topic.removesuffix("/compressed")))

    def note_once(self, reason: str, text: str) -> None:
        """Log a problem of the images once for each activation."""
        if reason not in self._told:
            self._told.add(reason)
            self.statistics.note(reason, text)

    def deactivate(self) -> None:
        """Unsubscribe; the frame in progress will not be published."""
        self.active = False
        self.subscriptions.close()
        if self.coarse is not None:
            self.coarse.close()

    def destroy(self) -> None:
        """Destroy all endpoints."""
        self.deactivate()
        for publisher in self.publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self.publishers = {}

    def wanted(self) -> set[str]:
        """Outputs with a subscriber."""
        return {topic for topic, publisher in self.publishers.items() if publisher.get_subscription_count()}

    def is_current(self, frame: Frame) -> bool:
        """Whether the frame arrived since the last activation and the camera is still active."""
        return self.active and frame.session == self.session

    @property
    def silent_s(self) -> float:
        """Seconds of the node's clock without an image, at most since the activation."""
        return self.silence.seconds(self._now_ns())

    def is_too_silent(self, patience_s: float) -> bool:
        """Whether images have been missing for too long; publishers that fit get more patience."""
        now_ns = self._now_ns()
        if not self.active or not self.silence.is_odd(now_ns, patience_s, all_fit=False):
            return False
        kind = f"sensor_msgs/msg/{self.subscriptions.image_type.__name__}"
        publishers = self.image_publishers()
        all_fit = bool(publishers) and all(fits(info, kind, self.subscriptions.image_qos) for info in publishers)
        if all_fit and self.rest.resting:
            return False
        return self.silence.is_odd(now_ns, patience_s, all_fit=all_fit)

    @property
    def dropped(self) -> int:
        """Images since activation that a newer one replaced before they were computed."""
        return self._mailbox.dropped(self.name) - self._dropped_before

    def image_publishers(self) -> list[Any]:
        """Endpoint information of the image topic's publishers."""
        return self._node.get_publishers_info_by_topic(self.image_topic)

    def _start_anew(self) -> None:
        """Forget all earlier images: they may be of another camera."""
        self.statistics.reset()
        self.calibration = Calibration(self._note_calibration)
        self.calibrated: bool | None = None
        self.model: Any = None
        self.smoother = ScaleSmoother()
        self.points_published_ns: int | None = None
        self._pace = Pace()
        self._dropped_before = self._mailbox.dropped(self.name)
        self.silence = Silence(self._now_ns())
        self._first_image: float | None = None
        self._loss = TransportLoss()
        self._told: set[str] = set()
        self._check_header = HeaderCheck(self.statistics.note)
        self.rest = Rest(time.monotonic())

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _publisher(self, message_type: type, topic: str) -> Any:
        events = qos.publisher_events(
            incompatible_qos=lambda event: self._on_incompatible(event, topic, "subscriber"),
            matched=lambda event: self.rest_or_wake(),
        )
        return self._node.create_lifecycle_publisher(
            message_type,
            self._prefix + topic,
            qos.output_qos(),
            event_callbacks=events,
            qos_overriding_options=qos.overridable(),
        )

    def _note_calibration(self, reason: str, text: str) -> None:
        text = text.replace(UNCALIBRATED, self.without_calibration)
        if reason == "no_camera_info":
            offered = qos.describe_publishers(self._node.get_publishers_info_by_topic(self.info_topic))
            text = f"{text}; this node listens to '{self.info_topic}', published by: {offered}"
        self.statistics.note(reason, text)

    def _on_incompatible(self, event: Any, topic: str, other: str = "publisher") -> None:
        text = f"a {other} of '{topic}' has an incompatible QoS ({qos.policy_name(event)}): no message passes"
        self.statistics.note("incompatible_qos", text, about=topic)

    def _on_info(self, message: Any) -> None:
        waited = not self.calibration.known
        self.calibration.on_info(message)
        if waited:
            self._mailbox.release(self.name)

    def _on_image(self, message: Any, info: Any) -> None:
        received = time.perf_counter()
        now_ns = self._now_ns()
        self.silence.on_image(now_ns)
        self.statistics.on_received(now_ns, self._loss.before(info))
        values = self._parameters.values
        self._check_header(message.header, frame_matters=not values["optical_frame"])
        if not self._is_needed(values) or not self._pace.is_due(values["max_rate"], received):
            self.statistics.count("skipped")
            return
        hold_s = 0.0
        if not self.calibration.known:
            if self._first_image is None:
                self.ask_for_earlier_info()
            self._first_image = self._first_image or received
            hold_s = max(0.0, values["camera_info_wait_s"] - (received - self._first_image))
        stamp = stamp_ns(message.header)
        if self.coarse is not None:
            hold_s = max(hold_s, self.coarse.wait_s(stamp, values["coarse_max_age_s"]))
        self._mailbox.put(self.name, Frame(message, received, self.session), hold_s=hold_s, stamp_ns=stamp)

    def _is_needed(self, values: Any) -> bool:
        return values["enabled"] and (values["always_compute"] or bool(self.wanted()))
