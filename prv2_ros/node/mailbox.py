# SPDX-License-Identifier: Apache-2.0
"""One slot for each camera between executor and worker: a newer message replaces the older one, which is counted."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """An image message on its way to the worker.

    Args:
        message: sensor_msgs/Image or CompressedImage.
        received: `time.perf_counter()` at its arrival [s].
        session: number of the camera's activation.
    """

    message: Any
    received: float
    session: int


@dataclass(slots=True)
class _Slot:
    item: Any = None
    full: bool = False
    arrived: float = 0.0
    not_before: float = 0.0
    served: int = 0
    dropped: int = 0


class Mailbox:
    """Thread-safe one-slot mailboxes, one for each camera name; times are seconds of `time.monotonic()`.

    The camera that was served longest ago comes next, so a fast camera cannot starve a slow one.
    """

    def __init__(self, cameras: Sequence[str]):
        self._slots = {camera: _Slot() for camera in cameras}
        self._changed = threading.Condition()
        self._turn = 0
        self._closed = False

    def put(self, camera: str, item: Any, *, hold_s: float = 0.0) -> bool:
        """Put an item into the camera's slot; `take` returns it after `hold_s` [s], or after `release`.

        Returns:
            True if it replaced an older item, which counts as dropped.
        """
        with self._changed:
            slot, now = self._slots[camera], time.monotonic()
            replaced = slot.full
            slot.dropped += replaced
            slot.item, slot.full, slot.arrived, slot.not_before = item, True, now, now + hold_s
            self._changed.notify()
            return replaced

    def release(self, camera: str) -> None:
        """End the holding of an item."""
        with self._changed:
            self._slots[camera].not_before = 0.0
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[str, Any] | None:
        """Wait for (camera, item) and take it; None after the timeout or when the mailbox is closed."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                full = [
                    (slot.served, -slot.arrived, camera)
                    for camera, slot in self._slots.items()
                    if slot.full and slot.not_before <= now
                ]
                if full:
                    camera = min(full)[2]
                    slot = self._slots[camera]
                    self._turn += 1
                    item, slot.item, slot.full, slot.served = slot.item, None, False, self._turn
                    return camera, item
                if now >= deadline:
                    return None
                held = [slot.not_before for slot in self._slots.values() if slot.full]
                self._changed.wait(min([deadline, *held]) - now)
            return None

    def dropped(self, camera: str) -> int:
        """Number of items that were replaced or cleared before they were taken."""
        with self._changed:
            return self._slots[camera].dropped

    def clear(self) -> None:
        """Empty all slots; their items count as dropped."""
        with self._changed:
            for slot in self._slots.values():
                slot.dropped += slot.full
                slot.item, slot.full = None, False

    def close(self) -> None:
        """Make every current and future `take` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
