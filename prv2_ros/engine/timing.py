# SPDX-License-Identifier: Apache-2.0
"""Stage times of one frame, on the host's clock or by CUDA events."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median

import torch


class RunningMedian:
    """Median of the last values, to judge a machine by: one slow frame does not count, a slower machine does.

    Args:
        last: how many values.
    """

    def __init__(self, last: int = 15):
        self._values: deque[float] = deque(maxlen=last)

    def add(self, value: float) -> None:
        """Take in one value."""
        self._values.append(value)

    @property
    def value(self) -> float | None:
        """The median, None before the first value."""
        return median(self._values) if self._values else None


@dataclass
class FrameTiming:
    """What one frame cost.

    Attributes:
        upload_ms: host to device and conversion to [0, 1].
        coarse_ms: the coarse branch on the whole frame.
        tiles_ms: the refiner on all tiles.
        assemble_ms: blending, resizing to the output size, focal scaling.
        download_ms: device to host.
        total_ms: from the call to the result, on the host's clock.
        tiles: how many tiles were refined.
        tiles_total: how many would be without a budget.
    """

    upload_ms: float = 0.0
    coarse_ms: float = 0.0
    tiles_ms: float = 0.0
    assemble_ms: float = 0.0
    download_ms: float = 0.0
    total_ms: float = 0.0
    tiles: int = 0
    tiles_total: int = 0

    def as_dict(self) -> dict[str, float]:
        """Field names to values."""
        return asdict(self)


class StageTimer:
    """Adds up the time of named stages; `finish` gives the record.

    On CUDA the stages are bracketed by events on the device's current stream, so that timing does not stall the queue;
    reading them waits for the last one, at the end.

    Attributes:
        interrupted: name of the stage that an exception left, "" while there was none.

    Args:
        device: where the stages run.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._cuda = device.type == "cuda"
        self._start = time.perf_counter()
        self._host_ms: dict[str, float] = {}
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self.interrupted = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside as `name`, one of the stages of `FrameTiming` without `_ms`."""
        begin = self._now()
        try:
            yield
        except BaseException:
            self.interrupted = name
            raise
        end = self._now()
        if self._cuda:
            self._events.append((name, begin, end))
        else:
            self._add(name, (end - begin) * 1e3)

    def _now(self) -> "float | torch.cuda.Event":
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _add(self, name: str, milliseconds: float) -> None:
        self._host_ms[name] = self._host_ms.get(name, 0.0) + milliseconds

    def finish(self, tiles: int, *, of: int | None = None) -> FrameTiming:
        """The record of a frame: tiles refined, of the tiles that its mode has (None: all were)."""
        if self._events:
            self._events[-1][2].synchronize()
            for name, begin, end in self._events:
                self._add(name, begin.elapsed_time(end))
            self._events = []
        timing = FrameTiming(
            tiles=tiles, tiles_total=tiles if of is None else of, total_ms=(time.perf_counter() - self._start) * 1e3
        )
        for name, milliseconds in self._host_ms.items():
            setattr(timing, f"{name}_ms", milliseconds)
        return timing
