# SPDX-License-Identifier: Apache-2.0
"""Depth values as REP 117 and REP 118 define them, and removal of flying pixels; on the device of the depth."""

import numpy as np
import torch
from torch import Tensor

_BLOCK_ROWS = 32  # of a 4K frame: half a megabyte


def resample_nearest(depth_m: Tensor, height: int, width: int) -> Tensor:
    """Another size without inventing depths between two surfaces.

    Pixel (v, u) of the result is pixel (floor(v * H / height), floor(u * W / width)) of the input, so that intrinsics
    scaled by width / W and height / H fit exactly.

    Args:
        depth_m: (H, W) depth.
        height: rows of the result.
        width: columns of the result.

    Returns:
        (height, width) depth; the input itself when the size is the same.
    """
    if depth_m.shape == (height, width):
        return depth_m
    rows = torch.arange(height, device=depth_m.device) * depth_m.shape[0] // height
    columns = torch.arange(width, device=depth_m.device) * depth_m.shape[1] // width
    return depth_m[rows[:, None], columns]


def mask_flying_pixels(depth_m: Tensor, max_relative_jump: float) -> Tensor:
    """Set pixels that hang between two surfaces to NaN.

    A pixel is flying when, along a row or a column, one neighbour is nearer and the opposite one is farther, each by
    more than the allowed jump relative to the nearer of the two. At a clean step each pixel has a jump on one side
    only and stays.

    Args:
        depth_m: (H, W) depth in metres; NaN and infinite pixels are neither judged nor used.
        max_relative_jump: step relative to the nearer pixel up to which two neighbours are one surface.

    Returns:
        (H, W) depth, a new tensor.
    """
    # Comparisons with NaN are false, so that it is no neighbour of anything.
    depth = torch.where((depth_m > 0) & (depth_m < torch.inf), depth_m, torch.nan)
    raised = depth * (1.0 + max_relative_jump)
    flying = torch.zeros_like(depth, dtype=torch.bool)
    for axis in (0, 1):
        count = depth.shape[axis]
        if count < 3:
            continue
        farther = depth.narrow(axis, 1, count - 1) > raised.narrow(axis, 0, count - 1)
        nearer = depth.narrow(axis, 0, count - 1) > raised.narrow(axis, 1, count - 1)
        inner = flying.narrow(axis, 1, count - 2)
        for jump in (farther, nearer):
            inner |= jump.narrow(axis, 0, count - 2) & jump.narrow(axis, 1, count - 2)
    return depth_m.masked_fill(flying, torch.nan)


def apply_range(depth_m: Tensor, min_range_m: float, max_range_m: float, *, out: Tensor | None = None) -> Tensor:
    """Depth with the values of REP 117: NaN unknown, +Inf too far, -Inf too near.

    Args:
        depth_m: (H, W) depth in metres; NaN, -Inf and everything not above 0 is unknown, +Inf is sky.
        min_range_m: nearest depth that is kept.
        max_range_m: farthest depth that is kept.
        out: memory for the result, of the depth's shape and type, on its device, and none of its own memory.

    Returns:
        (H, W) depth, a new tensor or `out`.
    """
    if depth_m.device.type == "cpu" and depth_m.dtype == torch.float32:
        out = torch.empty_like(depth_m) if out is None else out
        _apply_range_on_host(depth_m.numpy(), min_range_m, max_range_m, out.numpy())
        return out
    ranged = torch.where(depth_m > max_range_m, torch.inf, depth_m)
    ranged = torch.where(ranged < min_range_m, -torch.inf, ranged)
    # Neither NaN nor what is not positive compares greater than zero.
    ranged = torch.where(depth_m > 0, ranged, torch.nan)
    return ranged if out is None else out.copy_(ranged)


def _apply_range_on_host(depth: np.ndarray, nearest: float, farthest: float, out: np.ndarray) -> None:
    """As `apply_range`, in blocks that stay in the cache; a block without anything out of range is only copied."""
    for start in range(0, len(depth), _BLOCK_ROWS):
        block, result = depth[start : start + _BLOCK_ROWS], out[start : start + _BLOCK_ROWS]
        np.copyto(result, block)
        # With a NaN in the block both are NaN, and neither comparison says that all is well.
        least, most = block.min(), block.max()
        if not most <= farthest:
            np.copyto(result, np.inf, where=block > farthest)
        if not least >= nearest:
            np.copyto(result, -np.inf, where=block < nearest)
        if not least > 0:
            np.copyto(result, np.nan, where=~(block > 0))


def relative_colour_position(depth_m: Tensor, near_m: float, far_m: float) -> Tensor:
    """Where a depth lies on a colour scale that is even in inverse depth.

    Args:
        depth_m: (H, W) depth in metres with the values of `apply_range`.
        near_m: depth of position 1.
        far_m: depth of position 0.

    Returns:
        (H, W) in [0, 1]; NaN where the depth is unknown.
    """
    inverse = torch.where(depth_m == -torch.inf, torch.inf, depth_m).reciprocal()
    inverse = torch.where(depth_m == -torch.inf, 1.0 / near_m, inverse)
    position = (inverse - 1.0 / far_m) / (1.0 / near_m - 1.0 / far_m)
    return position.clamp_(0.0, 1.0)
