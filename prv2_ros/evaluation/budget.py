# SPDX-License-Identifier: Apache-2.0
"""Depth within a budget, to be measured against the same engine's full refinement."""

from typing import TYPE_CHECKING

import numpy as np

from prv2_ros.errors import DataError

if TYPE_CHECKING:
    from prv2_ros.engine import DepthEngine
    from prv2_ros.engine.timing import FrameTiming


class BudgetedEngine:
    """An engine that gets a budget for single calls. Frames are stills: nothing is remembered from one to the next.

    Args:
        engine: without a budget of its own.
        tiles: most tiles a frame.
        share: of the full refinement's time, in (0, 1].

    Raises:
        DataError: neither or both are given, or out of range.
    """

    def __init__(self, engine: "DepthEngine", *, tiles: int | None = None, share: float | None = None):
        if (tiles is None) == (share is None):
            raise DataError("a budget is either a number of tiles or a share of the time")
        if (tiles is not None and tiles < 1) or (share is not None and not 0 < share <= 1):
            raise DataError(f"budget of {tiles} tiles, share {share}: at least 1 tile, a share above 0 and up to 1")
        self._engine, self._tiles, self._share = engine, tiles, share

    def __call__(
        self, rgb: np.ndarray, focal_px: tuple[float, float], full_ms: float
    ) -> tuple[np.ndarray, "FrameTiming"]:
        """Depth (H, W) in metres and timing of one image whose full refinement took `full_ms`."""
        budget = self._engine.budget
        budget.forget()
        budget.max_tiles, budget.latency_ms = self._tiles, full_ms * self._share if self._share else None
        try:
            return self._engine(rgb, focal_px)
        finally:
            budget.max_tiles = budget.latency_ms = None
