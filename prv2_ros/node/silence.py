# SPDX-License-Identifier: Apache-2.0
"""For how long a camera has been silent, and when that is worth a warning."""

from typing import Any

from rclpy.qos import QoSCompatibility, qos_check_compatible

from prv2_ros.node import qos

# Publishers that fit may be slow or about to begin: they get this many times the patience, and this many of their own
# pauses between images.
_PATIENCE, _PAUSES = 6, 3


def fits(publisher: Any, message_type: str, subscribed: Any) -> bool:
    """Whether messages of a publisher (`rclpy.topic_endpoint_info.TopicEndpointInfo`) reach a subscription."""
    # What is unknown about a remote publisher makes a warning of it, which is no error.
    compatible, _ = qos_check_compatible(publisher.qos_profile, subscribed)
    return publisher.topic_type == message_type and compatible != QoSCompatibility.ERROR


class Silence:
    """Of one camera since its activation; times are those of the node's clock, which may jump [ns].

    Args:
        now_ns: time of the activation.
    """

    def __init__(self, now_ns: int):
        self._since_ns = now_ns
        self._pause_s = 0.0
        self._had_image = False
        self._told: str | None = None

    def on_image(self, now_ns: int) -> None:
        """An image has arrived."""
        if self._had_image:
            # The longest of late, so that a camera that is slow at times is not taken for dead.
            self._pause_s = max(0.9 * self._pause_s, (now_ns - self._since_ns) / 1e9)
        self._since_ns, self._had_image, self._told = now_ns, True, None

    def seconds(self, now_ns: int) -> float:
        """Without an image, since activation at most [s]."""
        if now_ns < self._since_ns or not self._since_ns:
            # The clock was set back, as simulations and looped recordings do, or has only now started.
            self._since_ns = now_ns
        return (now_ns - self._since_ns) / 1e9

    def is_odd(self, now_ns: int, patience_s: float, *, all_fit: bool) -> bool:
        """Whether the silence is longer than one has to expect.

        Args:
            now_ns: now.
            patience_s: how long nobody, or somebody who does not fit, may be silent; 0 is for ever.
            all_fit: there are publishers, and what they send would arrive.
        """
        if not patience_s:
            return False
        patient_s = max(_PATIENCE * patience_s, _PAUSES * self._pause_s) if all_fit else patience_s
        return self.seconds(now_ns) > patient_s

    def news(self, publishers: list[Any]) -> str | None:
        """Words for who publishes; None when the same was told in this silence.

        Told again when it changes: discovery can take longer than the patience, and somebody may come later.
        """
        offered = qos.describe_publishers(publishers)
        if offered == self._told:
            return None
        self._told = offered
        return offered
