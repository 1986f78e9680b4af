# SPDX-License-Identifier: Apache-2.0
"""One camera of the node: its subscriptions, publishers, buffers, calibration and counts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from prv2_ros.camera import Calibration, says_rectified
from prv2_ros.engine.timing import RunningMedian
from prv2_ros.msg import DepthTiming
from prv2_ros.node import qos
from prv2_ros.node.depth_message import Buffer
from prv2_ros.node.mailbox import Mailbox
from prv2_ros.node.parameters import Parameters
from prv2_ros.node.statistics import Statistics
from prv2_ros.node.topics import image_topics
from prv2_ros.node.transport_loss import TransportLoss

# Since Iron a callback can learn a message's sequence number, and so what was lost before it.
_HAS_MESSAGE_INFO = hasattr(getattr(Subscription, "CallbackType", None), "WithMessageInfo")


@dataclass(frozen=True, slots=True)
class Frame:
    """An image on its way to the worker.

    Args:
        message: sensor_msgs/Image or CompressedImage.
        received: `time.perf_counter()` of its arrival [s].
        session: which activation of the node it belongs to.
    """

    message: Any
    received: float
    session: int


class Camera:
    """Endpoints and state of one camera. Publishers live from configure to cleanup, subscriptions while active.

    Args:
        node: rclpy lifecycle node.
        name: namespace of the camera below the node's, "" for the only camera.
        mailbox: where images are put.
        parameters: of the node.
        transport: "raw" or "compressed".
    """

    def __init__(self, node: Any, name: str, *, mailbox: Mailbox, parameters: Parameters, transport: str):
        self.name = name
        self._node = node
        self._mailbox = mailbox
        self._parameters = parameters
        self.transport = transport
        self.statistics = Statistics(node.get_logger().get_child(name.replace("/", ".")) if name else node.get_logger())
        self.calibration = Calibration(self._note_calibration)
        self.calibrated: bool | None = None
        self.session = 0
        self.active = False
        self.image_topic, self.info_topic = image_topics(node, self._prefix, transport)
        self.depth_buffer, self.cloud_buffer, self.preview_buffer = Buffer(), Buffer(), Buffer()
        self.points_published_ns: int | None = None
        self.beside_engine_ms = RunningMedian()
        self.depth = self._publisher(Image, "depth/image_rect")
        self.depth_info = self._publisher(CameraInfo, "depth/camera_info")
        self.points = self._publisher(PointCloud2, "points")
        self.preview = self._publisher(Image, "depth/image_color")
        self.timing = self._publisher(DepthTiming, "timing")
        self._subscriptions: list[Any] = []
        self._asked_for_earlier = False
        self._told: set[str] = set()
        self.subscribed_qos = ""
        self._start_counting()

    @property
    def _prefix(self) -> str:
        return f"{self.name}/" if self.name else ""

    def activate(self) -> None:
        """Subscribe."""
        self._start_counting()
        self.session += 1
        self.active = True
        image_type = CompressedImage if self.transport == "compressed" else Image
        on_image = self._on_image if _HAS_MESSAGE_INFO else lambda message: self._on_image(message, {})
        self._told.clear()
        self._asked_for_earlier = False
        self._subscriptions = [
            self._subscription(CameraInfo, self.info_topic, self._on_info),
            self._subscription(image_type, self.image_topic, on_image),
        ]
        self.subscribed_qos = qos.describe_qos(self._subscriptions[-1].qos_profile)
        if self.input_rectified(self._parameters.values):
            self._node.get_logger().info(f"'{self.image_topic}' is rectified, so P of camera_info is its camera")

    def ask_for_earlier_info(self) -> None:
        """Where a publisher keeps a camera_info that it sent before, take it.

        The first subscription does not ask for that, or it would match no other publisher; a second one does, once such
        a publisher is known, so that others are not told of one that they cannot serve.
        """
        if not self.active or self._asked_for_earlier or self.calibration.known:
            return
        if any(qos.is_latched(info) for info in self._node.get_publishers_info_by_topic(self.info_topic)):
            self._asked_for_earlier = True
            silent = qos.SubscriptionEventCallbacks(incompatible_qos=lambda event: None)
            self._subscriptions.append(
                self._node.create_subscription(
                    CameraInfo, self.info_topic, self._on_info, qos.latched_qos(), event_callbacks=silent
                )
            )

    def input_rectified(self, values: Mapping[str, Any]) -> bool:
        """Whether the images have no distortion any more, by the parameter or by their topic's name."""
        stated = values["input_rectified"]
        return stated == "true" or (stated == "auto" and says_rectified(self.image_topic.removesuffix("/compressed")))

    def note_once(self, reason: str, text: str) -> None:
        """Note what is odd about the images themselves: once, and again after an activation."""
        if reason not in self._told:
            self._told.add(reason)
            self.statistics.note(reason, text)

    def deactivate(self) -> None:
        """Unsubscribe; a frame that is being computed will not be published."""
        self.active = False
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def destroy(self) -> None:
        """Destroy the endpoints."""
        self.deactivate()
        for publisher in (self.depth, self.depth_info, self.points, self.preview, self.timing):
            self._node.destroy_lifecycle_publisher(publisher)

    def is_current(self, frame: Frame) -> bool:
        """Whether the frame was received since the last activation and its depth is still wanted."""
        return self.active and frame.session == self.session

    @property
    def silent_s(self) -> float:
        """Seconds [s] of the node's clock without an image, since activation at most."""
        now_ns = self._now_ns()
        if now_ns < self._image_ns or not self._image_ns:
            # The clock was set back, as simulations and looped recordings do, or has only now started.
            self._image_ns = now_ns
        return (now_ns - self._image_ns) / 1e9

    @property
    def dropped(self) -> int:
        """Images since activation that were replaced by a newer one before they were computed."""
        return self._mailbox.dropped(self.name) - self._dropped_before

    def image_publishers(self) -> list[Any]:
        """What is known of the image topic's publishers."""
        return self._node.get_publishers_info_by_topic(self.image_topic)

    def _start_counting(self) -> None:
        self.statistics.reset()
        self._loss = TransportLoss()
        self._dropped_before = self._mailbox.dropped(self.name)
        self._image_ns = self._now_ns()
        self._first_image: float | None = None
        self._stamp_ns = 0
        self.silence_told: str | None = None

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _publisher(self, message_type: type, topic: str) -> Any:
        events = qos.PublisherEventCallbacks(
            incompatible_qos=lambda event: self._on_incompatible(event, topic, "subscriber")
        )
        return self._node.create_lifecycle_publisher(
            message_type,
            self._prefix + topic,
            qos.output_qos(),
            event_callbacks=events,
            qos_overriding_options=qos.overridable(),
        )

    def _subscription(self, message_type: type, topic: str, callback: Any) -> Any:
        events = qos.SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._on_incompatible(event, topic, "publisher")
        )
        return self._node.create_subscription(
            message_type,
            topic,
            callback,
            qos.input_qos(),
            event_callbacks=events,
            qos_overriding_options=qos.overridable(),
        )

    def _note_calibration(self, reason: str, text: str) -> None:
        if reason == "no_camera_info":
            offered = qos.describe_publishers(self._node.get_publishers_info_by_topic(self.info_topic))
            text = f"{text}; this node listens to '{self.info_topic}', published by: {offered}"
        self.statistics.note(reason, text)

    def _on_incompatible(self, event: Any, topic: str, other: str) -> None:
        self.statistics.note(
            "incompatible_qos",
            f"a {other} of '{topic}' asks for or offers another {qos.policy_name(event)} than this node: no message "
            "passes between the two",
            about=topic,
        )

    def _on_info(self, message: Any) -> None:
        self.calibration.on_info(message)
        self._mailbox.release(self.name)

    def _on_image(self, message: Any, info: Any) -> None:
        received = time.perf_counter()
        now_ns = self._now_ns()
        self._image_ns, self.silence_told = now_ns, None
        self.statistics.on_received(now_ns, self._loss.before(info))
        stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        if stamp_ns < self._stamp_ns:
            self.statistics.note("stamp_backwards", "image stamps go backwards")
        self._stamp_ns = stamp_ns
        if not message.header.frame_id:
            self.statistics.note("no_frame_id", "images have no frame_id: nobody can tell where the depth is")
        hold_s = 0.0
        if not self.calibration.known:
            if self._first_image is None:
                self.ask_for_earlier_info()
            self._first_image = self._first_image or received
            hold_s = max(0.0, self._parameters.values["camera_info_wait_s"] - (received - self._first_image))
        self._mailbox.put(self.name, Frame(message, received, self.session), hold_s=hold_s)
