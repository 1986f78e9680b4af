# SPDX-License-Identifier: Apache-2.0
"""Which tiles to refine when there is no time for all: where refinement matters, and none for ever neglected."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

# A tile is overdue after so many rounds; a round is the frames that all tiles together take. While the overdue ones
# get their turn one more round can pass, so that every tile is refined once in `refresh_bound` frames.
OVERDUE_ROUNDS = 4
# How far what the last refinement of a tile changed may move its score away from what the picture says.
_TRUST = 8.0
# Detail that is reckoned with where the coarse branch's view shows none.
_UNSEEN = 0.02


def refresh_bound(tiles: int, per_frame: int) -> int:
    """Frames within which every tile is refined at least once, given tiles of the grid and refined per frame."""
    return (OVERDUE_ROUNDS + 1) * math.ceil(tiles / per_frame)


def expected_gain(rgb: Tensor, coarse_depth: Tensor, grid: tuple[int, int], *, far_m: float) -> Tensor:
    """How much refining each tile of a grid may change, judged from what the coarse branch saw and said.

    Errors in metres grow with depth; refinement moves the borders of surfaces and fills in structure, so it matters
    where the picture has detail and where the coarse depth is steep. What is farther than anybody asks for, such as
    the sky, does not count by its metres.

    Args:
        rgb: (1, 3, h, w) whole frame in [0, 1].
        coarse_depth: (1, 1, h, w) metres.
        grid: rows and columns of tiles.
        far_m: depth from which on all is equally far, metres.

    Returns:
        (rows * columns,) float32 in reading order: a mean square over the tile [m²], known up to a factor.
    """
    depth = coarse_depth.float().clamp(min=1e-3, max=far_m)
    detail = _slope(rgb.float().mean(1, keepdim=True)) + _slope(depth.log())
    return F.adaptive_avg_pool2d(depth.square() * (detail + _UNSEEN), grid).flatten()


def _slope(m: Tensor) -> Tensor:
    """(1, 1, h, w) sum of the absolute differences to the next row and column."""
    down, right = m.diff(dim=-2).abs(), m.diff(dim=-1).abs()
    return F.pad(down, (0, 0, 0, 1)) + F.pad(right, (0, 1, 0, 0))


class TileHistory:
    """What is remembered of one camera's tiles from frame to frame.

    Args:
        tiles: how many tiles a frame has.
    """

    def __init__(self, tiles: int):
        self.ages = [0] * tiles
        """Frames since each tile was last refined, or since the beginning."""
        self._correction = [1.0] * tiles

    def choose(self, expected: Sequence[float], count: int) -> list[int]:
        """Tiles of the next frame.

        Overdue tiles come first, the oldest before the others; then those of the greatest expected gain, corrected by
        what the last refinement of the tile really changed.

        Args:
            expected: expected gain of each tile.
            count: how many tiles there is time for; at least 1, so that the bound of staleness holds.

        Returns:
            Indices in reading order, `count` of them, or all tiles.
        """
        count = min(max(count, 1), len(self.ages))
        overdue_age = OVERDUE_ROUNDS * math.ceil(len(self.ages) / count) - 1
        gains = [gain * correction for gain, correction in zip(expected, self._correction, strict=True)]

        def rank(tile: int) -> tuple:
            age = self.ages[tile]
            return (-age if age >= overdue_age else 0, -gains[tile], -age, tile)

        return sorted(sorted(range(len(self.ages)), key=rank)[:count])

    def refined(self, chosen: Sequence[int], expected: Sequence[float], changed: Sequence[float]) -> None:
        """A frame was computed.

        Args:
            chosen: the tiles that were refined.
            expected: expected gain of all tiles.
            changed: for each chosen tile the mean square of what refinement changed [m²].
        """
        self.ages = [age + 1 for age in self.ages]
        for tile in chosen:
            self.ages[tile] = 0
        # Expected gains are known up to a factor: the factor of this frame is that of its refined tiles together.
        total = sum(expected[tile] for tile in chosen)
        if not (total > 0 and sum(changed) > 0):
            return
        factor = sum(changed) / total
        for tile, value in zip(chosen, changed, strict=True):
            ratio = value / max(factor * expected[tile], 1e-12)
            self._correction[tile] = min(max(ratio, 1 / _TRUST), _TRUST)

    def refined_all(self) -> None:
        """A frame was computed of which every tile was refined."""
        self.ages = [0] * len(self.ages)
