# SPDX-License-Identifier: Apache-2.0
"""Measured depth (`coarse: topic`): received, checked, and paired with images by stamp."""

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
from prv2_ros.node.image_watch import stamp_ns
from prv2_ros.node.statistics import Statistics

TOPIC = "coarse_depth"
KEPT = 16
# An image that arrives before its depth waits for coarse_max_age_s within these limits [s], while depth keeps arriving.
MIN_WAIT_S, MAX_WAIT_S = 0.1, 1.0


@dataclass(frozen=True)
class Measure:
    """Depth of one message: (h, w) float32 metres, and the share of pixels without depth (NaN, 0 or infinite)."""

    stamp_ns: int
    frame_id: str
    depth_m: np.ndarray
    holes: float


class CoarseTopic:
    """The measured depth of one camera.

    Args:
        node: rclpy node.
        topic: resolved name.
        statistics: counts rejected messages.
        on_depth: called after each usable depth image with the newest stamp [ns] of an image that needs no later one.
        on_incompatible: called with the event and the topic when a publisher offers an incompatible QoS.

    Attributes:
        holes, age_ms: of the last pair; None before the first.
    """

    def __init__(
        self,
        node: Any,
        topic: str,
        *,
        statistics: Statistics,
        on_depth: Callable[[float], None],
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
        """Subscribe, with no memory of earlier depth."""
        self._start_anew()
        self._subscription = qos.subscribe(self._node, Image, self.topic, self.receive, self._on_incompatible)

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def receive(self, message: Any) -> None:
        """Keep a depth image; an unusable one is counted and logged."""
        try:
            depth_m = image_to_depth(message, max_pixels=1 << 26)
            check_measured(depth_m)
        except ImageError as error:
            reason = error.reason if isinstance(error, RefusedImageError) else "size"
            self._statistics.note(f"coarse_{reason}", f"depth on '{self.topic}' refused: {error}")
            return
        share = known_share(depth_m)
        if not share:
            self._statistics.note("coarse_empty", f"depth on '{self.topic}' refused: almost no pixel has depth")
            return
        measure = Measure(stamp_ns(message.header), message.header.frame_id, depth_m, 1.0 - share)
        with self._lock:
            if self._kept and measure.stamp_ns < self._kept[-1].stamp_ns:
                self._kept.clear()  # a recording restarted, or the clock jumped back
            self._kept.append(measure)
            self._arrived = time.monotonic()
            reach_ns = self._reach_ns()
        self._on_depth(reach_ns)

    def wait_s(self, stamp: int, max_age_s: float) -> float:
        """How long [s] an image with this stamp [ns] may wait for its depth."""
        with self._lock:
            late = self._kept and stamp > self._reach_ns()
            flowing = time.monotonic() - self._arrived < MAX_WAIT_S
            return min(max(max_age_s, MIN_WAIT_S), MAX_WAIT_S) if late and flowing else 0.0

    def _reach_ns(self) -> float:
        """The next depth is nearer to images with later stamps: half a period after the newest one."""
        stamps = [measure.stamp_ns for measure in self._kept]
        return stamps[-1] + min((after - before for before, after in zip(stamps, stamps[1:])), default=0) / 2

    def partner(self, header: Any, max_age_s: float) -> Measure | None:
        """The depth with the stamp nearest to the image; None, counted and logged, if none is near enough."""
        stamp = stamp_ns(header)
        with self._lock:
            kept = list(self._kept)
        same = [m for m in kept if not (m.frame_id and header.frame_id) or m.frame_id == header.frame_id]
        best = min(same, key=lambda m: abs(m.stamp_ns - stamp), default=None)
        if best is not None:
            age_ms = (stamp - best.stamp_ns) / 1e6
            if abs(age_ms) <= max_age_s * 1e3:
                self.holes, self.age_ms = best.holes, age_ms
                return best
        self._statistics.count("unpaired")
        if best is not None:
            reason = "coarse_stale"
            side = "older" if age_ms > 0 else "newer"
            why = f"the nearest is {abs(age_ms) / 1e3:.3f} s {side}, coarse_max_age_s is {max_age_s:g}"
        elif kept:
            reason = "coarse_frame"
            why = f"its frame_id is '{kept[-1].frame_id}', the image's is '{header.frame_id}'; register depth to it"
        else:
            publishers = qos.describe_publishers(self._node.get_publishers_info_by_topic(self.topic))
            reason, why = "coarse_missing", f"none arrived; published by: {publishers}"
        self._statistics.note(reason, f"no depth on '{self.topic}' for an image: {why}; nothing is published for it")
        return None

    def _start_anew(self) -> None:
        with self._lock:
            self._kept: deque[Measure] = deque(maxlen=KEPT)
            self._arrived = 0.0
        self.holes: float | None = None
        self.age_ms: float | None = None
