# SPDX-License-Identifier: Apache-2.0
"""How many tiles fit into the time there is, and what is remembered of each camera for choosing them."""

from collections import OrderedDict
from collections.abc import Callable

import torch

from prv2_ros.engine.timing import FrameTiming, RunningMedian
from prv2_ros.tiling import PatchRefiner, count_tiles
from prv2_ros.tiling.partial import refine_some
from prv2_ros.tiling.selection import TileHistory

_STREAMS = 64
# Of the budget: a median is exceeded every other time.
_MARGIN = 0.05


class BudgetClock:
    """Learns on this machine what a tile and the rest of a frame take."""

    def __init__(self):
        self._tile_ms = RunningMedian()
        self._rest_ms: OrderedDict[tuple[int, int], RunningMedian] = OrderedDict()

    def learn(self, size: tuple[int, int], timing: FrameTiming) -> None:
        """Take in what a frame of (height, width) cost."""
        if timing.tiles and timing.tiles_ms > 0:
            self._tile_ms.add(timing.tiles_ms / timing.tiles)
        self._rest_ms.setdefault(size, RunningMedian()).add(timing.total_ms - timing.tiles_ms)
        self._rest_ms.move_to_end(size)
        if len(self._rest_ms) > _STREAMS:
            self._rest_ms.popitem(last=False)

    def tiles_within(self, budget_ms: float, size: tuple[int, int]) -> int:
        """Tiles that fit beside the coarse branch and the assembly; at least 1, so that every tile gets its turn.

        Args:
            budget_ms: time for the whole frame.
            size: (height, width) of the frame; the rest of another size stands in for one not seen yet.
        """
        tile_ms = self._tile_ms.value
        if tile_ms is None:
            return 1
        rest = self._rest_ms.get(size) or next(reversed(self._rest_ms.values()))
        return max(1, int((budget_ms * (1 - _MARGIN) - rest.value) / tile_ms))


class TileBudget:
    """Refines a frame as far as time, or a number of tiles, allows; everything is refined where neither limits.

    Attributes:
        latency_ms: time for a frame, None for no limit.
        max_tiles: tiles a frame, None for no limit.

    Args:
        far_m: depth from which on all is equally far when tiles are chosen, metres.
    """

    def __init__(self, *, latency_ms: float | None = None, max_tiles: int | None = None, far_m: float = float("inf")):
        for name, value in (("latency budget", latency_ms), ("number of tiles", max_tiles)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} {value} is not above 0; None is no limit")
        self.latency_ms = latency_ms
        self.max_tiles = max_tiles
        self._far_m = far_m
        self._clock = BudgetClock()
        self._streams: OrderedDict[str, tuple[tuple, TileHistory]] = OrderedDict()

    def limit(self, size: tuple[int, int]) -> int | None:
        """Tiles that a frame of (height, width) may have refined, None for all."""
        limits = [] if self.max_tiles is None else [self.max_tiles]
        if self.latency_ms is not None:
            limits.append(self._clock.tiles_within(self.latency_ms, size))
        return min(limits, default=None)

    def __call__(
        self,
        model: PatchRefiner,
        frame: torch.Tensor,
        mode: str,
        *,
        grid: tuple[int, int],
        stream: str,
        stage: Callable,
        assemble: str = "input",
    ) -> tuple[torch.Tensor, int]:
        """Depth of a frame (1, 3, H, W) in metres, and how many tiles were refined for it.

        Depth is (1, 1, H, W), or with assemble "process" of a process size a tile. Where not all tiles of the mode fit,
        the overlapping ones are left out first, then tiles of the grid.
        """
        limit = self.limit(tuple(frame.shape[-2:]))
        regular, every = grid[0] * grid[1], count_tiles(mode, grid)
        key = (*frame.shape[-2:], *grid)
        if limit is None or limit >= every:
            if stream in self._streams:
                self._history(stream, key, regular).refined_all()
            return model(frame, mode, assemble, grid=grid, stage=stage), every
        history = self._history(stream, key, regular)
        if limit >= regular:
            history.refined_all()
            return model(frame, "p16", assemble, grid=grid, stage=stage), regular
        partial = refine_some(
            model,
            frame,
            lambda gains: history.choose(gains, limit),
            grid=grid,
            far_m=self._far_m,
            assemble=assemble,
            stage=stage,
        )
        history.refined(partial.chosen, partial.expected, partial.changed)
        return partial.depth, len(partial.chosen)

    def learn(self, size: tuple[int, int], timing: FrameTiming) -> None:
        """Take in what a frame of (height, width) cost."""
        self._clock.learn(size, timing)

    def relearn(self) -> None:
        """Forget what frames took."""
        self._clock = BudgetClock()

    def forget(self, stream: str | None = None) -> None:
        """Forget one stream, or all of them; the machine's times stay known."""
        if stream is None:
            self._streams.clear()
        else:
            self._streams.pop(stream, None)

    def _history(self, stream: str, key: tuple, tiles: int) -> TileHistory:
        """History of one camera; another size or grid starts a new one, and unused streams are dropped."""
        known = self._streams.get(stream)
        if known is None or known[0] != key:
            self._streams[stream] = (key, TileHistory(tiles))
        self._streams.move_to_end(stream)
        if len(self._streams) > _STREAMS:
            self._streams.popitem(last=False)
        return self._streams[stream][1]
