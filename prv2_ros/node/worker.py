# SPDX-License-Identifier: Apache-2.0
"""The thread that computes and publishes, so that the executor stays responsive."""

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from prv2_ros.node.mailbox import Mailbox

_POLL_S = 0.5


class Worker:
    """Processes the items of a mailbox until stopped.

    Args:
        mailbox: source of the items.
        process: called with each (camera, item).
        on_failure: called with (camera, exception) when `process` raises; the worker then continues.
    """

    def __init__(
        self, mailbox: Mailbox, *, process: Callable[[str, Any], None], on_failure: Callable[[str, Exception], None]
    ):
        self._mailbox = mailbox
        self._process = process
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._busy: tuple[str, float] | None = None
        self.restarts = 0
        self.crash = ""
        """Traceback of the thread's crash."""

    def start(self, first: Callable[[], Any] | None = None) -> None:
        """Start the thread; `first` runs in it beforehand, so that per-thread state (cuDNN plans) is warm.

        This returns when `first` has, and raises its exception.
        """
        if first is None:
            self._launch(self._run)
            return
        outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def run() -> None:
            try:
                first()
            except BaseException as error:  # noqa: BLE001 - raised by the waiting thread
                outcome.put(error)
                return
            outcome.put(None)
            self._run()

        self._launch(run)
        error = outcome.get()
        if error is not None:
            self._stop.set()
            raise error

    def _launch(self, run: Callable[[], None]) -> None:
        # A daemon: a network that never returns must not block the exit.
        self._thread = threading.Thread(target=run, name="depth_worker", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after its current item; false after the timeout."""
        self._stop.set()
        self._mailbox.close()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.alive

    def revive(self) -> bool:
        """Restart a crashed thread; true if it had crashed."""
        if self._stop.is_set() or self.alive:
            return False
        self.restarts += 1
        self._busy = None
        self.start()
        return True

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def usable(self) -> bool:
        """Whether the thread runs and is not stopping."""
        return self.alive and not self._stop.is_set()

    def busy_ms(self, camera: str) -> float:
        """Time spent on the current item, 0 if it is not of this camera."""
        busy = self._busy
        return (time.monotonic() - busy[1]) * 1e3 if busy and busy[0] == camera else 0.0

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:
            self.crash = traceback.format_exc()
            raise

    def _work(self) -> None:
        while not self._stop.is_set():
            taken = self._mailbox.take(_POLL_S)
            if taken is None:
                continue
            camera, item = taken
            self._busy = (camera, time.monotonic())
            try:
                self._process(camera, item)
            except Exception as error:  # noqa: BLE001 - the next frame is computed in any case
                self._on_failure(camera, error)
            finally:
                self._busy = None
            # Free the frame's memory while waiting.
            del taken, item
