# SPDX-License-Identifier: Apache-2.0
"""The one thread that computes and publishes, so that the executor stays free."""

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from prv2_ros.node.mailbox import Mailbox

_POLL_S = 0.5


class Worker:
    """Takes items from a mailbox and processes them one after the other until it is stopped.

    Args:
        mailbox: where the items come from.
        process: called with (camera, item) for each.
        on_failure: called with (camera, exception) when `process` raises; the worker goes on with the next item.
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
        """Traceback of what ended the thread against its will."""

    def start(self, first: Callable[[], Any] | None = None) -> None:
        """Start the thread.

        Args:
            first: called in the thread before anything else; this returns when it has, and raises what it raised.
                What a library keeps for each thread, such as cuDNN its plans, is then there for the first item.
        """
        if first is None:
            self._launch(self._run)
            return
        outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def run() -> None:
            try:
                first()
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
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
        # A daemon: a network that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=run, name="depth_worker", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the item it is at; false when that took longer than the time given."""
        self._stop.set()
        self._mailbox.close()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.alive

    def revive(self) -> bool:
        """Start the thread again if it has ended without being told to; true when that was so."""
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
        """Whether the thread runs and has not been told to end."""
        return self.alive and not self._stop.is_set()

    def busy_ms(self, camera: str) -> float:
        """How long the worker has been at its present item, 0 when that is not one of this camera."""
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
            except Exception as error:  # noqa: BLE001 - whatever one frame does, the next one is computed
                self._on_failure(camera, error)
            finally:
                self._busy = None
            # The last frame's memory is not kept while waiting for the next.
            del taken, item
