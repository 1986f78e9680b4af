# SPDX-License-Identifier: Apache-2.0
"""Depth values as REP 117 and REP 118 want them, and removal of flying pixels; on the device of the depth."""

import torch
from torch import Tensor


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
    finite = torch.isfinite(depth_m) & (depth_m > 0)
    # In logarithms a relative jump is one difference, the same in both directions.
    log_depth = torch.where(finite, depth_m, torch.nan).log_()
    limit = torch.log1p(torch.tensor(max_relative_jump, dtype=torch.float64)).item()
    flying = torch.zeros_like(finite)
    for axis in (0, 1):
        if depth_m.shape[axis] < 3:
            continue
        step = log_depth.diff(dim=axis)
        before, after = step.narrow(axis, 0, step.shape[axis] - 1), step.narrow(axis, 1, step.shape[axis] - 1)
        inner = flying.narrow(axis, 1, depth_m.shape[axis] - 2)
        inner |= ((before > limit) & (after > limit)) | ((before < -limit) & (after < -limit))
    return depth_m.masked_fill(flying, torch.nan)


def apply_range(depth_m: Tensor, min_range_m: float, max_range_m: float) -> Tensor:
    """Depth with the values of REP 117: NaN unknown, +Inf too far, -Inf too near.

    Args:
        depth_m: (H, W) depth in metres; NaN, -Inf and everything not above 0 is unknown, +Inf is sky.
        min_range_m: nearest depth that is kept.
        max_range_m: farthest depth that is kept.

    Returns:
        (H, W) depth, a new tensor.
    """
    unknown = torch.isnan(depth_m) | (depth_m <= 0)
    ranged = depth_m.masked_fill(depth_m > max_range_m, torch.inf)
    return ranged.masked_fill_(depth_m < min_range_m, -torch.inf).masked_fill_(unknown, torch.nan)


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
