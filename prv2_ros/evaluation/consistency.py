# SPDX-License-Identifier: Apache-2.0
"""How much neighbouring tiles disagree where they overlap."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from prv2_ros.errors import DataError

Box = tuple[int, int, int, int]


def consistency_error(tiles: Sequence[np.ndarray], boxes: Sequence[Box]) -> float:
    """Mean |difference| in metres of neighbouring tiles over their overlap.

    Args:
        tiles: depth maps in metres, each (height, width) of its box.
        boxes: (top, left, height, width) of each tile, in pixels of one common frame.

    Returns:
        The mean over all overlapping pixels of all pairs; a pixel under several pairs counts once for each.

    Raises:
        DataError: if a tile is not of its box's size, or no two tiles overlap.
    """
    if len(tiles) != len(boxes):
        raise DataError(f"{len(tiles)} tiles came with {len(boxes)} boxes")
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
        raise DataError("no two tiles overlap, so their consistency has no value; take boxes that share pixels")
    return total / count
