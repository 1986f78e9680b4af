# SPDX-License-Identifier: Apache-2.0
"""PRO's grouped patch consistency: four overlapping tiles of a frame are merged, and must agree where they overlap."""

from itertools import permutations

import torch
from torch import Tensor

SIDES = 2  # tiles a row and column of a group


def group_size(tile: tuple[int, int], overlap: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of a group of tiles (h, w) that overlap by these rows and columns."""
    return SIDES * tile[0] - overlap[0], SIDES * tile[1] - overlap[1]


def group_places(tile: tuple[int, int], overlap: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Rows and columns of the four tiles in their group, row by row."""
    (height, width), (step_y, step_x) = tile, (tile[0] - overlap[0], tile[1] - overlap[1])
    return [
        (slice(i * step_y, i * step_y + height), slice(j * step_x, j * step_x + width))
        for i in range(SIDES)
        for j in range(SIDES)
    ]


def merge_group(tiles: Tensor, overlap: tuple[int, int]) -> Tensor:
    """Four tiles (B, 4, C, h, w) to their group (B, C, H, W), the mean where they overlap."""
    tile = (tiles.shape[-2], tiles.shape[-1])
    merged = tiles.new_zeros(*tiles.shape[0:1], tiles.shape[2], *group_size(tile, overlap))
    count = torch.zeros_like(merged[:1, :1])
    for i, place in enumerate(group_places(tile, overlap)):
        where = (..., *place)
        merged[where] = merged[where] + tiles[:, i]
        count[where] += 1
    return merged / count


def group_consistency(tiles: Tensor, overlap: tuple[int, int], mask: Tensor | None = None) -> Tensor:
    """Sum over the 12 ordered pairs of tiles of the mean squared difference on their overlap.

    Args:
        tiles: (B, 4, C, h, w).
        overlap: rows and columns that neighbours share.
        mask: (B, 4, 1, h, w) bool, pixels that count; None is all.
    """
    places = group_places((tiles.shape[-2], tiles.shape[-1]), overlap)
    total = tiles.sum() * 0.0
    for first, second in permutations(range(len(places)), 2):
        ours, theirs = _shared(places[first], places[second]), _shared(places[second], places[first])
        square = (tiles[(slice(None), first, ..., *ours)] - tiles[(slice(None), second, ..., *theirs)]).square()
        if mask is None:
            total = total + square.mean()
        else:
            counts = mask[(slice(None), first, ..., *ours)] & mask[(slice(None), second, ..., *theirs)]
            total = total + (square * counts).sum() / counts.sum().clamp(min=1)
    return total


def _shared(place: tuple[slice, slice], other: tuple[slice, slice]) -> tuple[slice, slice]:
    """Where the other tile lies, in the pixels of the first."""
    return tuple(slice(max(a.start, b.start) - a.start, min(a.stop, b.stop) - a.start) for a, b in zip(place, other))
