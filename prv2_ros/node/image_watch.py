# SPDX-License-Identifier: Apache-2.0
"""What a camera checks about arriving images: rate limit, idle state, headers, lost messages, and silence."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSCompatibility, qos_check_compatible

from prv2_ros.node import qos

# Idle after this time: a listener may come back, and problems with a topic need time to show.
_IDLE_AFTER_S, _FLOWING_S = 5.0, 1.5
_MAX_FRAMES, _MAX_PUBLISHERS = 16, 16
# Compatible publishers may be slow: they get this many times the patience, and this many of their own intervals.
_PATIENCE, _INTERVALS = 6, 3


def stamp_ns(header: Any) -> int:
    """Stamp of a header [ns]."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


class Pace:
    """Limits the frame rate, evenly spread. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._due = 0.0

    def is_due(self, rate_hz: float, now: float) -> bool:
        """Whether to take an image that arrives now; if so, the slot is used up. A rate of 0 means no limit."""
        if not rate_hz:
            self._due = now
            return True
        period = 1.0 / rate_hz
        # A raised rate takes effect at once.
        self._due = min(self._due, now + period)
        if now < self._due:
            return False
        # Counted from the due time, so that the mean rate is exact; a pause is not made up for.
        self._due = (self._due if now < self._due + period else now) + period
        return True


class Rest:
    """Decides when to unsubscribe from images that nobody needs: receiving them alone costs much of a core.

    Args:
        now: monotonic time of the activation [s].
    """

    def __init__(self, now: float):
        self._needed_at = now
        self.resting = False

    def decide(self, now: float, *, needed: bool, silent_s: float) -> bool:
        """Whether to rest; a silent topic stays subscribed, so that a warning can follow."""
        if needed:
            self._needed_at, self.resting = now, False
        elif now - self._needed_at > _IDLE_AFTER_S and silent_s < _FLOWING_S:
            self.resting = True
        return self.resting


class HeaderCheck:
    """Warns about stamps and frames of images, once per frame name.

    Args:
        note: called with (reason, text) for each problem.
    """

    def __init__(self, note: Callable[[str, str], None]):
        self._note = note
        self._stamp_ns = 0
        self._frames: set[str] = set()

    def __call__(self, header: Any, *, frame_matters: bool) -> None:
        """Check the header of an image; `frame_matters` is false where optical_frame replaces the frame."""
        stamp = stamp_ns(header)
        if stamp < self._stamp_ns:
            self._note("stamp_backwards", "image stamps go backwards")
        self._stamp_ns = stamp
        frame = header.frame_id
        if not frame_matters or frame in self._frames or len(self._frames) >= _MAX_FRAMES:
            return
        if not frame:
            self._note("no_frame_id", "images have no frame_id, so depth has no place in TF; set optical_frame")
            return
        self._frames.add(frame)
        if "optical" not in frame.lower():
            self._note(
                "frame_not_optical",
                f"the image frame '{frame[:64]}' does not look like an optical frame (z forward, x right); depth and "
                "points use it anyway. Set optical_frame to the right frame, or to this one to confirm it",
            )


class TransportLoss:
    """Counts images lost in transport by the gaps in each publisher's sequence numbers."""

    def __init__(self) -> None:
        self._last: OrderedDict[Any, int] = OrderedDict()

    def before(self, info: Any) -> int:
        """How many messages were lost right before this one; `info` is rclpy's; 0 without numbers."""
        number = info.get("publication_sequence_number")
        if number is None:
            return 0
        gid = info.get("publisher_gid") or {}
        publisher = bytes(gid["data"]) if isinstance(gid, dict) and "data" in gid else str(gid)
        last = self._last.pop(publisher, number - 1)
        self._last[publisher] = number
        if len(self._last) > _MAX_PUBLISHERS:
            self._last.popitem(last=False)
        return max(0, number - last - 1)


def fits(publisher: Any, message_type: str, subscribed: Any) -> bool:
    """Whether messages of a publisher (`TopicEndpointInfo`) reach a subscription with this QoS."""
    # An unknown setting of a remote publisher gives a warning here, not an error.
    compatible, _ = qos_check_compatible(publisher.qos_profile, subscribed)
    return publisher.topic_type == message_type and compatible != QoSCompatibility.ERROR


class Silence:
    """How long a camera has sent nothing, and whether to warn. Times are ns of the node's clock, which may jump.

    Args:
        now_ns: time of the activation.
    """

    def __init__(self, now_ns: int):
        self._since_ns = now_ns
        self._interval_s = 0.0
        self._had_image = False
        self._told: str | None = None

    def on_image(self, now_ns: int) -> None:
        """An image arrived."""
        if self._had_image:
            # The longest recent interval, so that a camera that is slow at times does not count as dead.
            self._interval_s = max(0.9 * self._interval_s, (now_ns - self._since_ns) / 1e9)
        self._since_ns, self._had_image, self._told = now_ns, True, None

    def seconds(self, now_ns: int) -> float:
        """Seconds without an image, at most since the activation."""
        if now_ns < self._since_ns or not self._since_ns:
            # The clock jumped back (simulation, looped recording) or has only just started.
            self._since_ns = now_ns
        return (now_ns - self._since_ns) / 1e9

    def is_odd(self, now_ns: int, patience_s: float, *, all_fit: bool) -> bool:
        """Whether the silence is too long: longer than `patience_s` (0: never), or more if all publishers fit."""
        if not patience_s:
            return False
        patient_s = max(_PATIENCE * patience_s, _INTERVALS * self._interval_s) if all_fit else patience_s
        return self.seconds(now_ns) > patient_s

    def news(self, publishers: list[Any]) -> str | None:
        """Description of the publishers; None if this silence was already reported with the same ones."""
        offered = qos.describe_publishers(publishers)
        if offered == self._told:
            return None
        self._told = offered
        return offered
