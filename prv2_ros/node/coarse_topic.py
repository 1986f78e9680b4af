# SPDX-License-Identifier: Apache-2.0
"""Depth that a camera measures, on its way to the refiner: received, checked, and paired with images by stamp."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from prv2_ros.engine.measured import check_measured, known_share
from prv2_ros.errors import ImageError
from prv2_ros.media.depth_image import image_to_depth
from prv2_ros.media.refusal import RefusedImageError
from prv2_ros.node import qos
from prv2_ros.node.statistics import Statistics

TOPIC = "coarse_depth"
KEPT = 16
# An image that comes before the depth of its time waits so long [s] for it, while depth comes at all.
WAIT_S, FLOWING_S = 0.1, 0.5


@dataclass(frozen=True)
class Measure:
    """Depth of one message.

    Args:
        stamp_ns: of the message [ns].
        frame_id: of the message.
        depth_m: (h, w) float32 metres, not known where it is NaN, 0 or infinite.
        holes: share of the pixels that are not known.
    """

    stamp_ns: int
    frame_id: str
    depth_m: np.ndarray
    holes: float


class CoarseTopic:
    """The measured depth of one camera.

    Args:
        node: rclpy node.
        topic: resolved name.
        statistics: where what is refused is counted.
        on_depth: called after each depth image that can be used.
        on_incompatible: called with an event and the topic whose publisher offers another quality of service.

    Attributes:
        holes, age_ms: of the last pair; None before the first.
    """

    def __init__(
        self,
        node: Any,
        topic: str,
        *,
        statistics: Statistics,
        on_depth: Callable[[], None],
        on_incompatible: Callable[[Any, str], None],
    ):
        self._node = node
        self.topic = topic
        self._statistics = statistics
        self._on_depth, self._on_incompatible = on_depth, on_incompatible
        self._subscription: Any = None
        self._lock = threading.Lock()
        self._start_anew()

    def open(self) -> None:
        """Subscribe, and forget what was before."""
        self._start_anew()
        events = qos.SubscriptionEventCallbacks(incompatible_qos=lambda event: self._on_incompatible(event, self.topic))
        self._subscription = self._node.create_subscription(
            Image,
            self.topic,
            self.receive,
            qos.input_qos(),
            event_callbacks=events,
            qos_overriding_options=qos.overridable(),
        )

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def receive(self, message: Any) -> None:
        """Take a depth image; one that cannot be used is counted and told."""
        try:
            depth_m = image_to_depth(message, max_pixels=1 << 26)
            check_measured(depth_m)
        except ImageError as error:
            reason = error.reason if isinstance(error, RefusedImageError) else "size"
            self._statistics.note(f"coarse_{reason}", f"depth of '{self.topic}' refused: {error}")
            return
        share = known_share(depth_m)
        if not share:
            self._statistics.note("coarse_empty", f"depth of '{self.topic}' refused: next to nothing of it is known")
            return
        header = message.header
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        with self._lock:
            if self._kept and stamp_ns < self._kept[-1].stamp_ns:
                self._kept.clear()  # a recording that begins again, or a clock that was set back
            self._kept.append(Measure(stamp_ns, header.frame_id, depth_m, 1.0 - share))
            self._arrived = time.monotonic()
        self._on_depth()

    def wait_s(self, stamp_ns: int) -> float:
        """How long [s] an image of this stamp may wait for depth of its own time."""
        with self._lock:
            late = self._kept and self._kept[-1].stamp_ns < stamp_ns
            return WAIT_S if late and time.monotonic() - self._arrived < FLOWING_S else 0.0

    def partner(self, header: Any, max_age_s: float) -> Measure | None:
        """The depth of the nearest stamp to an image's, None where none is near enough; that is counted and told."""
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        with self._lock:
            kept = list(self._kept)
        same = [m for m in kept if not (m.frame_id and header.frame_id) or m.frame_id == header.frame_id]
        best = min(same, key=lambda m: abs(m.stamp_ns - stamp_ns), default=None)
        if best is not None:
            age_ms = (stamp_ns - best.stamp_ns) / 1e6
            if abs(age_ms) <= max_age_s * 1e3:
                self.holes, self.age_ms = best.holes, age_ms
                return best
        self._statistics.count("unpaired")
        if best is not None:
            reason = "coarse_stale"
            why = f"the nearest is {age_ms / 1e3:.3f} s older, coarse_max_age_s is {max_age_s:g}"
        elif kept:
            reason = "coarse_frame"
            why = f"it has frame_id '{kept[-1].frame_id}', the image '{header.frame_id}': it has to be registered to it"
        else:
            publishers = qos.describe_publishers(self._node.get_publishers_info_by_topic(self.topic))
            reason, why = "coarse_missing", f"none came; published by: {publishers}"
        self._statistics.note(reason, f"image without depth on '{self.topic}': {why}; nothing is published for it")
        return None

    def _start_anew(self) -> None:
        with self._lock:
            self._kept: deque[Measure] = deque(maxlen=KEPT)
            self._arrived = 0.0
        self.holes: float | None = None
        self.age_ms: float | None = None
