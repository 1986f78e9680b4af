# SPDX-License-Identifier: Apache-2.0
"""One slot per camera between the executor and the worker: the newest message wins, the replaced one is counted."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Slot:
    item: Any = None
    full: bool = False
    arrived: float = 0.0
    not_before: float = 0.0
    served: int = 0
    dropped: int = 0


class Mailbox:
    """Thread-safe one-slot mailboxes, one a camera, emptied in turn.

    Of the cameras that have a message, the one served longest ago is next, so a fast camera cannot starve a slow one;
    within a camera only the newest message exists. All times are those of `time.monotonic()` in seconds.

    Args:
        cameras: names of the cameras.
    """

    def __init__(self, cameras: Sequence[str]):
        self._slots = {camera: _Slot() for camera in cameras}
        self._changed = threading.Condition()
        self._turn = 0
        self._closed = False

    def put(self, camera: str, item: Any, *, hold_s: float = 0.0) -> bool:
        """Put the newest item of a camera into its slot.

        Args:
            camera: name of the camera.
            item: what `take` hands out.
            hold_s: how long [s] the item may not be taken unless `release` is called.

        Returns:
            True when an item that nobody had taken was replaced, which counts as dropped.
        """
        with self._changed:
            slot, now = self._slots[camera], time.monotonic()
            replaced = slot.full
            slot.dropped += replaced
            slot.item, slot.full, slot.arrived, slot.not_before = item, True, now, now + hold_s
            self._changed.notify()
            return replaced

    def release(self, camera: str) -> None:
        """Let a held item go at once."""
        with self._changed:
            self._slots[camera].not_before = 0.0
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[str, Any] | None:
        """Wait for an item and take it.

        Args:
            timeout_s: how long to wait at most [s].

        Returns:
            (camera, item), or None after the time-out or when the mailbox was closed.
        """
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
        """Items of the camera that were replaced or cleared before anybody took them."""
        with self._changed:
            return self._slots[camera].dropped

    def clear(self) -> None:
        """Empty all slots; what lay in them counts as dropped."""
        with self._changed:
            for slot in self._slots.values():
                slot.dropped += slot.full
                slot.item, slot.full = None, False

    def close(self) -> None:
        """End every present and future `take` with None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
