# SPDX-License-Identifier: Apache-2.0
"""Depth of a frame of which only some tiles are refined: the others keep the coarse depth, and no seam shows a step."""

import math
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize
from prv2_ros.tiling.blend import mosaic
from prv2_ros.tiling.grid import regular_boxes, tiled_size
from prv2_ros.tiling.patch_refiner import PatchRefiner, Stage
from prv2_ros.tiling.selection import expected_gain

# Of a tile's side: over this distance from a tile that is not refined the residual fades in.
TAPER = 1 / 8


@dataclass(frozen=True)
class PartialDepth:
    """What came of it.

    Attributes:
        depth: (1, 1, H, W) metres, of the frame's size or as assembled.
        chosen: which tiles were refined, in reading order.
        expected: expected gain of every tile.
        changed: for each of them the mean square of what refinement changed [m²].
    """

    depth: Tensor
    chosen: list[int]
    expected: list[float]
    changed: list[float]


@torch.no_grad()
def refine_some(
    model: PatchRefiner,
    frame: Tensor,
    choose: Callable[[list[float]], list[int]],
    *,
    grid: tuple[int, int],
    far_m: float = math.inf,
    assemble: str = "input",
    stage: Stage = lambda name: nullcontext(),
) -> PartialDepth:
    """Refine chosen tiles of a grid (as P16, without overlap).

    Args:
        model: the network.
        frame: (1, 3, H, W) in [0, 1].
        choose: gets the expected gain of each tile, gives the indices of those to refine, ascending.
        grid: rows and columns of tiles.
        far_m: see `expected_gain`.
        assemble: "input" gives the frame's own size, "process" a process size a tile.
        stage: as for `PatchRefiner`.
    """
    height, width = frame.shape[-2:]
    with stage("coarse"):
        maps = model.coarse_maps(frame, grid)
        seen = resize(frame, model.process_size), resize(maps.depth, model.process_size)
        gains = expected_gain(*seen, grid, far_m=far_m).tolist()
        frame = resize(frame, tiled_size(height, width, grid, halves=False))
    chosen = choose(gains)
    boxes = regular_boxes(grid)
    with stage("tiles"):
        tiles = model.refine(frame, maps, [boxes[tile] for tile in chosen])
    with stage("assemble"):
        depths = maps.crop_depth(boxes, model.process_size)[:, 0]
        residuals = tiles - depths[chosen]
        depths[chosen] += residuals * taper(chosen, grid, tuple(tiles.shape[-2:]), tiles.device)
        depth = mosaic(depths, grid)[None, None]
        if assemble == "input" and tuple(depth.shape[-2:]) != (height, width):
            depth = F.interpolate(depth, size=(height, width), mode="bilinear", align_corners=False)
        changed = residuals.square().mean((1, 2)).tolist()
    return PartialDepth(depth, chosen, gains, changed)


def taper(
    chosen: Collection[int], grid: tuple[int, int], size: tuple[int, int], device: torch.device | str = "cpu"
) -> Tensor:
    """Weight of the residual of each chosen tile: its distance to the nearest tile that is not refined.

    The distance is that of the whole frame, the larger one of both axes, so that the weights of neighbours agree
    where they meet, also at corners.

    Args:
        chosen: tiles of the grid that are refined.
        grid: rows and columns.
        size: (h, w) of a tile in pixels.
        device: of the result.

    Returns:
        (len(chosen), h, w) float32: 0 at a border with a tile that is not refined, 1 from `TAPER` of the tile on.
    """
    rows, columns = grid
    refined = set(chosen)
    weights = []
    for tile in sorted(refined):
        row, column = divmod(tile, columns)
        seams = tuple(
            (dy, dx)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if 0 <= row + dy < rows and 0 <= column + dx < columns
            if (row + dy) * columns + column + dx not in refined
        )
        weights.append(_fading_towards(seams, size, torch.device(device)))
    return torch.stack(weights)


# A tile of 384x512 takes 0.8 MB; of the 256 sets of neighbours few occur in a recording.
@lru_cache(maxsize=64)
def _fading_towards(seams: tuple[tuple[int, int], ...], size: tuple[int, int], device: torch.device) -> Tensor:
    """(h, w) weight of a tile that fades towards these of its eight neighbours, (down, right) from -1 to 1."""
    with torch.inference_mode(False):  # the cached tensor is used under other modes too
        down, right = (_inward(length) for length in size)
        none = (torch.zeros_like(down), torch.zeros_like(right))
        steps = {-1: (down, right), 0: none, 1: (down.flip(0), right.flip(0))}
        weight = torch.ones(size)
        for dy, dx in seams:
            weight = torch.minimum(weight, torch.maximum(steps[dy][0][:, None], steps[dx][1][None, :]))
        return weight.to(device)


def _inward(length: int) -> Tensor:
    """Distance of each pixel's centre from the first border, 1 at `TAPER` of the length and clamped there."""
    return ((torch.arange(length) + 0.5) / (TAPER * length)).clamp(max=1.0)
