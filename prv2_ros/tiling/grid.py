# SPDX-License-Identifier: Apache-2.0
"""Where tiles lie: boxes in fractions of the frame; regular, half-tile-shifted and random (P16, P49 and R-n)."""

import math
from dataclasses import dataclass

import torch

RAW_TILE = (540, 960)  # the paper's tile: a quarter of a 4K frame in each direction


@dataclass(frozen=True)
class Box:
    """A tile's box in fractions of the frame: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of this box in a map of that size; exact when the box lies on its pixel grid."""
        top, left = round(self.y * height), round(self.x * width)
        return (
            slice(top, top + round(self.height * height)),
            slice(left, left + round(self.width * width)),
        )


def choose_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tiles so that a raw tile is about 540x960: 1080p 2x2, 4K 4x4, 8K 8x8, small frames 1x1."""
    return max(1, round(height / RAW_TILE[0])), max(1, round(width / RAW_TILE[1]))


def regular_boxes(grid: tuple[int, int], *, shift_x: bool = False, shift_y: bool = False) -> list[Box]:
    """Boxes of a grid in reading order; a shifted grid starts half a tile in and has one row or column less."""
    rows, columns = grid
    offset_x, offset_y = (0.5 if shift_x else 0.0), (0.5 if shift_y else 0.0)
    return [
        Box((j + offset_x) / columns, (i + offset_y) / rows, 1 / columns, 1 / rows)
        for i in range(rows - shift_y)
        for j in range(columns - shift_x)
    ]


def blended_boxes(grid: tuple[int, int]) -> list[Box]:
    """The three shifted grids of P49 in the reference's order: right, down, both."""
    return (
        regular_boxes(grid, shift_x=True)
        + regular_boxes(grid, shift_y=True)
        + regular_boxes(grid, shift_x=True, shift_y=True)
    )


def random_boxes(count: int, frame_size: tuple[int, int], grid: tuple[int, int], *, seed: int = 0) -> list[Box]:
    """Boxes of R-n: uniform integer corners, each of the grid's raw tile size in a frame of (H, W) pixels."""
    height, width = frame_size
    tile_height, tile_width = height // grid[0], width // grid[1]
    generator = torch.Generator().manual_seed(seed)
    tops = torch.randint(0, height - tile_height + 1, (count,), generator=generator).tolist()
    lefts = torch.randint(0, width - tile_width + 1, (count,), generator=generator).tolist()
    return [Box(left / width, top / height, tile_width / width, tile_height / height) for top, left in zip(tops, lefts)]


def tiled_size(height: int, width: int, grid: tuple[int, int], *, halves: bool) -> tuple[int, int]:
    """The smallest size at or above (height, width) that the grid, or its half tiles, divide."""
    rows, columns = (2 * n if halves else n for n in grid)
    return math.ceil(height / rows) * rows, math.ceil(width / columns) * columns
