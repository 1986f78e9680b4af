# SPDX-License-Identifier: Apache-2.0
"""Difference between neighbouring tiles where they overlap."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prv2_ros.errors import DataError

if TYPE_CHECKING:
    from prv2_ros.engine import DepthEngine

PixelBox = tuple[int, int, int, int]


def consistency_error(tiles: Sequence[np.ndarray], boxes: Sequence[PixelBox]) -> float:
    """Mean |difference| in metres over all pixels that pairs of tiles share.

    Args:
        tiles: depth maps in metres, each (height, width) of its box.
        boxes: (top, left, height, width) of each tile, in pixels of one common frame.

    Raises:
        DataError: a tile and its box differ in size, or no two tiles overlap.
    """
    if len(tiles) != len(boxes):
        raise DataError(f"{len(tiles)} tiles, but {len(boxes)} boxes")
    for tile, (_, _, height, width) in zip(tiles, boxes, strict=True):
        if tile.shape != (height, width):
            raise DataError(f"tile has shape {tile.shape}, its box is {height}x{width}")
    total, count = 0.0, 0
    for (first, box_1), (second, box_2) in combinations(zip(tiles, boxes, strict=True), 2):
        top, left = max(box_1[0], box_2[0]), max(box_1[1], box_2[1])
        bottom = min(box_1[0] + box_1[2], box_2[0] + box_2[2])
        right = min(box_1[1] + box_1[3], box_2[1] + box_2[3])
        if bottom <= top or right <= left:
            continue
        cut_1 = first[top - box_1[0] : bottom - box_1[0], left - box_1[1] : right - box_1[1]]
        cut_2 = second[top - box_2[0] : bottom - box_2[0], left - box_2[1] : right - box_2[1]]
        total += float(np.abs(cut_1.astype(np.float64) - cut_2).sum())
        count += cut_1.size
    if not count:
        raise DataError("no two tiles overlap, so their consistency is undefined; choose boxes that share pixels")
    return total / count


def engine_consistency(
    engine: "DepthEngine", rgb: np.ndarray, focal_px: float | tuple[float, float] | None = None
) -> float:
    """Mean |difference| in metres between a network's regular tiles and those shifted by half a tile in x and y.

    Each shifted tile overlaps four regular ones; nothing is blended, at the network's process resolution. NaN where the
    image is a single tile or a single row or column of them.
    """
    # imported here because they load torch, which the metrics do not need
    from prv2_ros.engine.single_tiles import tile_depths
    from prv2_ros.tiling.grid import choose_grid, regular_boxes

    grid = engine.grid or choose_grid(*rgb.shape[:2])
    shifted = regular_boxes(grid, shift_x=True, shift_y=True)
    if not shifted:
        return float("nan")
    regular = regular_boxes(grid)
    tiles = tile_depths(engine, rgb, [*regular, *shifted], focal_px, grid=grid).cpu().numpy()
    canvas = (grid[0] * tiles.shape[1], grid[1] * tiles.shape[2])
    boxes = []
    for box in (*regular, *shifted):
        rows, columns = box.pixels(*canvas)
        boxes.append((rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start))
    return consistency_error(list(tiles), boxes)
