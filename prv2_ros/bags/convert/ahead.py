# SPDX-License-Identifier: Apache-2.0
"""Threads that produce items ahead of time, or consume them later."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The items, produced by a thread up to `count` items ahead; its errors are raised here."""
    line: queue.Queue = queue.Queue(count)
    end, stop = object(), threading.Event()

    def offer(item: Any) -> None:
        while not stop.is_set():
            try:
                line.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                offer(item)
                if stop.is_set():
                    return
            offer(end)
        except Exception as error:  # noqa: BLE001 - raised where the items are used
            offer(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not end:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


class Behind(Generic[T]):
    """A thread that calls `use` with each item in order; `put` blocks while `count` items wait."""

    def __init__(self, use: Callable[[T], None], count: int):
        self._use = use
        self._line: queue.Queue = queue.Queue(count)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def put(self, item: T) -> None:
        """Queue an item; raises the error of an earlier one."""
        if self._error:
            raise self._error
        self._line.put((item,))

    def _run(self) -> None:
        while (entry := self._line.get()) is not None:
            if self._error is None:
                try:
                    self._use(*entry)
                except Exception as error:  # noqa: BLE001 - raised where items are put
                    self._error = error

    def __enter__(self) -> "Behind[T]":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._line.put(None)
        self._thread.join()
        if kind is None and self._error:
            raise self._error
