# SPDX-License-Identifier: Apache-2.0
"""PRO's bias-free mask: where true depth contradicts the coarse depth, it is not trained on, except at common edges."""

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize

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
