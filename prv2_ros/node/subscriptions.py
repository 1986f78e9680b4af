# SPDX-License-Identifier: Apache-2.0
"""What one camera listens to: images, camera_info, and a camera_info that was sent before."""

from collections.abc import Callable
from typing import Any

from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from prv2_ros.node import qos
from prv2_ros.node.topics import ImageTopics

# Since Iron a callback can learn a message's sequence number, and so what was lost before it.
_HAS_MESSAGE_INFO = hasattr(getattr(Subscription, "CallbackType", None), "WithMessageInfo")


class Subscriptions:
    """The subscriptions of one camera; each opens and closes by itself.

    Args:
        node: rclpy node.
        topics: of the camera.
        on_image: called with an image and what the middleware says of it.
        on_info: called with a camera_info.
        on_incompatible: called with an event and a topic whose publisher offers another quality of service.
    """

    def __init__(
        self,
        node: Any,
        topics: ImageTopics,
        *,
        on_image: Callable[[Any, Any], None],
        on_info: Callable[[Any], None],
        on_incompatible: Callable[[Any, str], None],
    ):
        self._node = node
        self._topics = topics
        self._on_image = on_image if _HAS_MESSAGE_INFO else lambda message: on_image(message, {})
        self._on_info = on_info
        self._on_incompatible = on_incompatible
        self._open: dict[str, Any] = {}
        self.image_qos: Any = None
        """Quality of service of the images, with overrides; None before the first subscription."""

    @property
    def image_type(self) -> type:
        """Type of the messages of the image topic."""
        return CompressedImage if self._topics.transport == "compressed" else Image

    def open(self) -> None:
        """Listen to everything; nothing is left behind when that fails."""
        try:
            self._open["info"] = self._subscribe(CameraInfo, self._topics.camera_info, self._on_info)
            self.open_images()
        except BaseException:
            self.close()
            raise

    def open_images(self) -> None:
        """Listen to the images."""
        self._open["image"] = self._subscribe(self.image_type, self._topics.image, self._on_image)
        self.image_qos = self._open["image"].qos_profile

    def close_images(self) -> None:
        """Listen to the images no more."""
        self._close("image")

    def close(self) -> None:
        """Listen to nothing any more."""
        for name in list(self._open):
            self._close(name)

    def ask_for_earlier_info(self) -> None:
        """Where a publisher keeps a camera_info that it sent before, take it.

        The first subscription does not ask for that, or it would match no other publisher; a second one does, once such
        a publisher is known, so that others are not told of one that they cannot serve.
        """
        topic = self._topics.camera_info
        if "info" not in self._open or "earlier info" in self._open:
            return
        if any(qos.is_latched(info) for info in self._node.get_publishers_info_by_topic(topic)):
            silent = qos.SubscriptionEventCallbacks(incompatible_qos=lambda event: None)
            self._open["earlier info"] = self._node.create_subscription(
                CameraInfo, topic, self._on_info, qos.latched_qos(), event_callbacks=silent
            )

    def _subscribe(self, message_type: type, topic: str, callback: Any) -> Any:
        events = qos.SubscriptionEventCallbacks(incompatible_qos=lambda event: self._on_incompatible(event, topic))
        return self._node.create_subscription(
            message_type,
            topic,
            callback,
            qos.input_qos(),
            event_callbacks=events,
            qos_overriding_options=qos.overridable(),
        )

    def _close(self, name: str) -> None:
        if name in self._open:
            self._node.destroy_subscription(self._open.pop(name))
