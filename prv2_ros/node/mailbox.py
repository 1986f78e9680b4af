# SPDX-License-Identifier: Apache-2.0
"""Between executor and worker: the newest ready message of each camera; those that it replaces are counted."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Held items of a camera: 4K images at 30 Hz for a quarter of a second are 200 MB.
MAX_HELD = 8


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
class _Held:
    item: Any
    stamp_ns: int
    arrived: float
    not_before: float


@dataclass(slots=True)
class _Slot:
    items: list[_Held] = field(default_factory=list)
    served: int = 0
    dropped: int = 0

    def newest_ready(self, now: float) -> int | None:
        """Index of the newest item that is held no longer."""
        return max((index for index, held in enumerate(self.items) if held.not_before <= now), default=None)


class Mailbox:
    """Thread-safe mailboxes, one for each camera name; times are seconds of `time.monotonic()`.

    Only a camera's newest ready item is taken; it replaces the older ones. A held item waits for its turn beside the
    newer ones, at most MAX_HELD of them. The camera that was served longest ago comes next, so a fast camera cannot
    starve a slow one.
    """

    def __init__(self, cameras: Sequence[str]):
        self._slots = {camera: _Slot() for camera in cameras}
        self._changed = threading.Condition()
        self._turn = 0
        self._closed = False

    def put(self, camera: str, item: Any, *, hold_s: float = 0.0, stamp_ns: int = 0) -> bool:
        """Put an item; `take` returns it after `hold_s` [s], or after `release`.

        Returns:
            True if an item was replaced, which counts as dropped.
        """
        with self._changed:
            slot, now = self._slots[camera], time.monotonic()
            before = slot.dropped
            if hold_s <= 0:
                self._drop(slot, slice(None))
            elif len(slot.items) == MAX_HELD:
                self._drop(slot, slice(-1, None))  # not the oldest, which is next to be ready
            slot.items.append(_Held(item, stamp_ns, now, now + hold_s))
            self._changed.notify()
            return slot.dropped > before

    def release(self, camera: str, reach_ns: float = float("inf")) -> None:
        """End the holding of the items with stamps up to `reach_ns`."""
        with self._changed:
            for held in self._slots[camera].items:
                if held.stamp_ns <= reach_ns:
                    held.not_before = 0.0
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[str, Any] | None:
        """Wait for (camera, item) and take it; None after the timeout or when the mailbox is closed."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                ready = [
                    (slot.served, -slot.items[index].arrived, camera, index)
                    for camera, slot in self._slots.items()
                    if (index := slot.newest_ready(now)) is not None
                ]
                if ready:
                    *_, camera, index = min(ready)
                    slot = self._slots[camera]
                    self._turn += 1
                    slot.served, item = self._turn, slot.items.pop(index).item
                    self._drop(slot, slice(index))
                    return camera, item
                if now >= deadline:
                    return None
                held = [held.not_before for slot in self._slots.values() for held in slot.items]
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
                self._drop(slot, slice(None))

    def close(self) -> None:
        """Make every current and future `take` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @staticmethod
    def _drop(slot: _Slot, which: slice) -> None:
        slot.dropped += len(slot.items[which])
        del slot.items[which]
