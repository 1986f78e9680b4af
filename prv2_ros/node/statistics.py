# SPDX-License-Identifier: Apache-2.0
"""Counts, rates and times of one camera; executor and worker write them, diagnostics read them."""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

_LOG_PERIOD_S = 5.0


class RateMeter:
    """Event rate over a sliding window [s] of a clock that may jump."""

    def __init__(self, window_s: float = 5.0):
        self._window_ns = int(window_s * 1e9)
        self._times: deque[int] = deque(maxlen=10000)

    def tick(self, now_ns: int) -> None:
        """One event at this time [ns]."""
        if self._times and now_ns < self._times[-1]:
            self._times.clear()
        self._times.append(now_ns)

    def rate_hz(self, now_ns: int) -> float:
        """Events a second at this time [ns]."""
        while self._times and not 0 <= now_ns - self._times[0] <= self._window_ns:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        # Up to now, not to the last event, so that the rate of a stopped stream falls.
        span_ns = max(now_ns, self._times[-1]) - self._times[0]
        return (len(self._times) - 1) * 1e9 / span_ns if span_ns else 0.0


@dataclass
class FrameTimes:
    """Of the last published frame [ms]."""

    processing_time_ms: float = 0.0
    cyclic_time_ms: float = 0.0
    pipeline_latency_ms: float = 0.0
    stamp_ns: int | None = None


class Statistics:
    """Statistics of one camera since its activation, with a rclpy logger.

    `events` counts problems by a fixed reason; each reason is logged at most every five seconds, so that a broken
    camera cannot flood the log.
    """

    def __init__(self, logger: Any):
        self._logger = logger
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Reset all counts."""
        with self._lock:
            self.received = self.computed = self.refused = self.failed = 0
            self.discarded = self.skipped = self.unpaired = self.lost = 0
            self.events: Counter[str] = Counter()
            self.input, self.output = RateMeter(), RateMeter()
            self.times = FrameTimes()
            self.last_problem = ""
            self.in_time_at = time.monotonic()
            self._published_ns: int | None = None
            self._logged_at: dict[tuple[str, str], float] = {}

    def on_received(self, now_ns: int, lost: int) -> None:
        """An image arrived; `lost` images before it were lost in transport."""
        with self._lock:
            self.received += 1
            self.lost += lost
            self.input.tick(now_ns)

    def on_published(self, now_ns: int, stamp_ns: int, processing_time_ms: float, in_time: bool) -> None:
        """A frame was published at `now_ns`."""
        with self._lock:
            self.computed += 1
            self.output.tick(now_ns)
            cyclic_ms = 0.0 if self._published_ns is None else (now_ns - self._published_ns) / 1e6
            self._published_ns = now_ns
            self.times = FrameTimes(processing_time_ms, cyclic_ms, (now_ns - stamp_ns) / 1e6, stamp_ns)
            if in_time:
                self.in_time_at = time.monotonic()

    def count(self, attribute: str) -> None:
        """Add one to `refused`, `failed`, `discarded`, `skipped` or `unpaired`."""
        with self._lock:
            setattr(self, attribute, getattr(self, attribute) + 1)

    def note(self, reason: str, text: str, *, severity: str = "warning", about: str = "") -> None:
        """Count an event by its reason, and log its text unless the same reason was logged just now."""
        with self._lock:
            self.events[reason] += 1
            self.last_problem = text
            now = time.monotonic()
            if now - self._logged_at.get((reason, about), -_LOG_PERIOD_S) < _LOG_PERIOD_S:
                return
            self._logged_at[reason, about] = now
            total = self.events[reason]
        text = text.replace("\0", "\\0")
        text = f"{text} [{reason}, {total} so far]"
        # rclpy ties the severity to the line of the call, so each needs its own.
        if severity == "error":
            self._logger.error(text)
        else:
            self._logger.warning(text)
