# SPDX-License-Identifier: Apache-2.0
"""Exact depth made worse, as coarse networks and depth cameras deliver it: what the refiner trains beside."""

import torch
import torch.nn.functional as F
from torch import Tensor

REDUCTIONS = (4, 6, 8, 12, 16)
LARGEST_SHIFT_PX = 6.0
LOW_FREQUENCY_SIGMA = 0.15


def _smooth_noise(like: Tensor, channels: int, cells: int) -> Tensor:
    """Standard normal values on a grid of `cells` rows, upsampled to the maps' size: (B, channels, h, w)."""
    batch, _, height, width = like.shape
    columns = max(2, round(cells * width / height))
    noise = torch.randn(batch, channels, cells, columns, device=like.device)
    return F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)


def _move_boundaries(log_depth: Tensor, largest_px: float) -> Tensor:
    """Displace the map by a smooth random field of up to `largest_px` pixels."""
    batch, _, height, width = log_depth.shape
    amount = torch.rand(batch, 1, 1, 1, device=log_depth.device) * largest_px / 2
    shift = (_smooth_noise(log_depth, 2, 6) * amount).clamp(-largest_px, largest_px)
    x = torch.arange(width, device=log_depth.device) + 0.5 + shift[:, 0]
    y = (torch.arange(height, device=log_depth.device) + 0.5)[:, None] + shift[:, 1]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), -1)
    return F.grid_sample(log_depth, grid, mode="nearest", padding_mode="border", align_corners=False)


def _lose_thin_structures(log_depth: Tensor, reach: int) -> Tensor:
    """Closing of depth: what is nearer than its surroundings and thinner than 2 * reach + 1 pixels goes."""
    size = 2 * reach + 1
    grown = F.max_pool2d(log_depth, size, 1, reach)
    return -F.max_pool2d(-grown, size, 1, reach)


def _reduce(log_depth: Tensor, factor: int) -> Tensor:
    """Average over squares of `factor` pixels and go back bilinearly."""
    height, width = log_depth.shape[-2:]
    small = F.adaptive_avg_pool2d(log_depth, (max(2, height // factor), max(2, width // factor)))
    return F.interpolate(small, (height, width), mode="bilinear", align_corners=False)


def _fill_holes(log_depth: Tensor) -> Tensor:
    """Replace random blobs by what a fill from far around would give."""
    noise = _smooth_noise(log_depth, 1, 10)
    share = torch.rand(log_depth.shape[0], 1, 1, 1, device=log_depth.device)
    return torch.where(noise > 1.0 + 1.5 * share, _reduce(log_depth, 48), log_depth)


def worse_depth(log_depth: Tensor) -> Tensor:
    """Coarse log depth of tiles, from exact log depth.

    The steps are drawn for each tile: thin structures removed, boundaries displaced by up to 6 pixels, the map reduced
    4 to 16 times, holes filled from far around, a smooth error of low frequency. A factor would be no change: the
    refiner sees depth relative to the tile's mean.

    Args:
        log_depth: (B, 1, h, w), finite everywhere; B is cut into groups of one reduction each.
    """
    out = []
    for number, part in enumerate(log_depth.chunk(len(REDUCTIONS))):
        device, count = part.device, part.shape[0]

        def some(share: float, count: int = count, device: torch.device = device) -> Tensor:
            return torch.rand(count, 1, 1, 1, device=device) < share

        factor = REDUCTIONS[number % len(REDUCTIONS)]
        worse = torch.where(some(0.4), _lose_thin_structures(part, factor // 2), part)
        worse = torch.where(some(0.8), _move_boundaries(worse, LARGEST_SHIFT_PX), worse)
        worse = _reduce(worse, factor)
        worse = torch.where(some(0.3), _fill_holes(worse), worse)
        sigma = torch.rand(count, 1, 1, 1, device=device) * LOW_FREQUENCY_SIGMA
        error = _smooth_noise(part, 1, 3) * sigma
        out.append(torch.where(some(0.6), worse + error, worse))
    return torch.cat(out)
