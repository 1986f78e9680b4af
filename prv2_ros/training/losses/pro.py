# SPDX-License-Identifier: Apache-2.0
"""PRO's training (Kwon and Kim 2025): the bias-free mask, and overlapping tiles that must agree.

The mask leaves out where true depth contradicts the coarse depth, except at common edges.
"""

from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize

SIDES = 2  # tiles a row and column of a group

EDGE_RATIO = 1.25
UNRELIABLE_RATIO = 2.0
TINY = 1e-8


def bias_free_mask(coarse: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Pixels that are trained on: not unreliable, or edges of both maps.

    Args:
        coarse: (B, 1, h, w) inverse depth of the coarse branch.
        truth: (B, 1, H, W) true inverse depth.
        known: (B, 1, H, W) bool, where the truth is known; None is everywhere.

    Returns:
        (B, 1, H, W) bool; whether the truth is known is not in it.
    """
    both = coarse_edges(coarse, truth.shape[-2:]) & edges(truth)
    return ~unreliable(coarse, truth, known) | both


def unreliable(coarse: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Where both maps, each in [0, 1] over its frame, differ by more than a factor of two: (B, 1, H, W) bool."""
    ours, theirs = to_unit(resize(coarse, truth.shape[-2:])) + TINY, to_unit(truth, known) + TINY
    return torch.maximum(ours / theirs, theirs / ours) > UNRELIABLE_RATIO


def coarse_edges(coarse: Tensor, size: tuple[int, int]) -> Tensor:
    """Edges of the coarse map at its own size, brought to `size` by nearest: (B, 1, *size) bool."""
    return F.interpolate(edges(to_unit(coarse)).float(), size=tuple(size), mode="nearest") > 0.5


def to_unit(x: Tensor, known: Tensor | None = None) -> Tensor:
    """Each map of (B, 1, H, W) to [0, 1] by its own extremes, those of the known pixels."""
    known = torch.ones_like(x, dtype=torch.bool) if known is None else known
    low = torch.where(known, x, torch.inf).amin((1, 2, 3), keepdim=True)
    high = torch.where(known, x, -torch.inf).amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low).clamp(min=TINY)


def edges(x: Tensor) -> Tensor:
    """Pixels that are larger than a neighbour by the ratio of an edge.

    Each of the four directions by itself is thinned to the first largest ratio of every run of edges along its axis.

    Args:
        x: (B, 1, H, W), 0 or more.

    Returns:
        (B, 1, H, W) bool.
    """
    marked = torch.zeros_like(x, dtype=torch.bool)
    for dim in (-1, -2):
        first, second = x.narrow(dim, 0, x.shape[dim] - 1), x.narrow(dim, 1, x.shape[dim] - 1)
        for larger, smaller, start in ((second, first, 1), (first, second, 0)):
            kept = first_largest_of_runs(larger / smaller, dim)
            marked.narrow(dim, start, x.shape[dim] - 1).logical_or_(kept)
    return marked


def first_largest_of_runs(ratio: Tensor, dim: int) -> Tensor:
    """Of every run of ratios above that of an edge along an axis, the first largest one: bool of the same shape."""
    ratio = ratio.transpose(dim, -1)
    ratio = torch.where(ratio.isnan(), torch.zeros_like(ratio), ratio)
    edge = ratio > EDGE_RATIO
    begins = edge & ~F.pad(edge, (1, 0))[..., :-1]
    # Runs are numbered over the whole tensor, so that one scatter finds the largest ratio of each.
    run = begins.flatten().cumsum(0).view_as(ratio)
    largest = torch.full((int(run.max()) + 1,), -torch.inf, dtype=ratio.dtype, device=ratio.device)
    largest.scatter_reduce_(0, run[edge], ratio[edge], "amax")
    is_largest = edge & (ratio == largest[run])
    place = torch.arange(ratio.numel(), device=ratio.device).view_as(ratio)
    earliest = torch.full_like(largest, ratio.numel(), dtype=torch.long)
    earliest.scatter_reduce_(0, run[is_largest], place[is_largest], "amin")
    return (is_largest & (place == earliest[run])).transpose(dim, -1)


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
