# SPDX-License-Identifier: Apache-2.0
"""The subscriptions of one camera: images, camera_info, and a camera_info that was sent before."""

from collections.abc import Callable
from typing import Any

from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from prv2_ros.node import qos
from prv2_ros.node.topics import ImageTopics

# Since Iron a callback receives the sequence number, which shows how many messages were lost before.
_HAS_MESSAGE_INFO = hasattr(getattr(Subscription, "CallbackType", None), "WithMessageInfo")


class Subscriptions:
    """Each subscription opens and closes on its own.

    Args:
        node: rclpy node.
        topics: of the camera.
        on_image: called with an image and rclpy's message info.
        on_info: called with a camera_info.
        on_incompatible: called with the event and the topic when a publisher offers an incompatible QoS.
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
        """QoS of the image subscription, overrides included; None before the first."""

    @property
    def image_type(self) -> type:
        """Message type of the image topic."""
        return CompressedImage if self._topics.transport == "compressed" else Image

    def open(self) -> None:
        """Subscribe to everything, or to nothing if that fails."""
        try:
            self._open["info"] = self._subscribe(CameraInfo, self._topics.camera_info, self._on_info)
            self.open_images()
        except BaseException:
            self.close()
            raise

    def open_images(self) -> None:
        """Subscribe to the images."""
        self._open["image"] = self._subscribe(self.image_type, self._topics.image, self._on_image)
        self.image_qos = self._open["image"].qos_profile

    def close_images(self) -> None:
        """Unsubscribe from the images."""
        self._close("image")

    def close(self) -> None:
        """Unsubscribe from everything."""
        for name in list(self._open):
            self._close(name)

    def ask_for_earlier_info(self) -> None:
        """Fetch a camera_info that a publisher sent before and keeps (transient local).

        The main subscription does not request that: it would then match no other publisher. A second one does, once
        such a publisher is known, so that other publishers do not warn about an incompatible QoS.
        """
        topic = self._topics.camera_info
        if "info" not in self._open or "earlier info" in self._open:
            return
        if any(qos.is_latched(info) for info in self._node.get_publishers_info_by_topic(topic)):
            self._open["earlier info"] = qos.subscribe_latched(self._node, CameraInfo, topic, self._on_info)

    def _subscribe(self, message_type: type, topic: str, callback: Any) -> Any:
        return qos.subscribe(self._node, message_type, topic, callback, self._on_incompatible)

    def _close(self, name: str) -> None:
        if name in self._open:
            self._node.destroy_subscription(self._open.pop(name))
