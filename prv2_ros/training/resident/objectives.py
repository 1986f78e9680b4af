# SPDX-License-Identifier: Apache-2.0
"""What only the resident trainer has: its losses, and exact depth made worse for the refiner to train beside."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.training.losses.maps import affine_residual
from prv2_ros.training.objective import depth_objective, log_error, mean_of_frames

SHARP = ("log_l1", "gradient", "ssigm")  # losses of exact depth alone
REDUCTIONS = (4, 6, 8, 12, 16)
LARGEST_SHIFT_PX = 6.0
LOW_FREQUENCY_SIGMA = 0.15


def relative_loss(log_depth: Tensor, disparity: Tensor, counts: Tensor) -> Tensor:
    """Scale- and shift-invariant L1 in inverse depth (Ranftl et al. 2020) against relative labels.

    Args:
        log_depth: (B, 1, H, W).
        disparity: (B, 1, H, W) relative inverse depth in [0, 1].
        counts: (B,) bool, images that have one.

    Returns:
        Mean over those images of mean |s / d + t - label|; 0 where there is none.
    """
    inside = counts.view(-1, 1, 1, 1).expand_as(disparity)
    residual, solved = affine_residual(torch.exp(-log_depth), disparity, inside)
    images = counts & solved.view(-1)
    return (residual.abs().mean((1, 2, 3)) * images).sum() / images.sum().clamp(min=1)


def error_loss(log_depth: Tensor, log_b: Tensor, target: Tensor) -> Tensor:
    """Negative log likelihood of a Laplace distribution of log depth, |e| / b + log b; e has no gradient."""
    error, valid = log_error(log_depth.detach(), target)
    log_b = log_b.clamp(math.log(0.003), math.log(3.0))
    return mean_of_frames((error.abs() * torch.exp(-log_b) + log_b) * valid, valid)


def with_sky(target: Tensor, log_depth: Tensor, sky_m: Tensor) -> Tensor:
    """Sky as depth: at least `sky_m`, and what is predicted where that is farther, so that farther costs nothing.

    Args:
        target: (B, 1, H, W) metres, infinity is sky.
        log_depth: (B, 1, H, W) prediction.
        sky_m: (B, 1, 1, 1) metres.
    """
    beyond = torch.maximum(torch.exp(log_depth.detach()), sky_m.expand_as(target))
    return torch.where(torch.isinf(target), beyond, target)


def away_from_edges(target: Tensor, *, reach: int = 4, step: float = 0.08) -> Tensor:
    """Pixels with no jump of log depth over `step` and no unknown depth within `reach` pixels: (B, 1, H, W) bool."""
    known = (target > 0) & torch.isfinite(target)
    log_target = torch.where(known, target, torch.ones_like(target)).log()
    spread = F.max_pool2d(log_target, 3, 1, 1) + F.max_pool2d(-log_target, 3, 1, 1)
    bad = ((spread > step) | ~known).float()
    return F.max_pool2d(bad, 2 * reach + 1, 1, reach) == 0


def refining_losses(
    log_depth: Tensor, target: Tensor, exact: Tensor, weights: dict[str, float]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Losses of refined log depth: edges are learnt from exact depth alone.

    Args:
        log_depth: (B, 1, H, W) float32.
        target: (B, 1, H, W) metres; 0 unknown, none infinite (`with_sky`).
        exact: (B,) bool; other frames count by L1 away from their edges alone, by the weight `real`.
        weights: of log_l1, gradient, ssigm and real.

    Returns:
        The sum and its unweighted parts: `real`, and those that have a weight.
    """
    exact_px = exact.view(-1, 1, 1, 1)
    sharp = torch.where(exact_px, target, torch.zeros_like(target))
    total, parts = depth_objective(log_depth, sharp, ~exact, {k: v for k, v in weights.items() if k in SHARP})
    error, valid = log_error(log_depth, target)
    smooth = valid & ~exact_px & away_from_edges(target)
    parts["real"] = mean_of_frames(error.abs() * smooth, smooth)
    return total + weights.get("real", 0.0) * parts["real"], parts


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
    """Coarse log depth of tiles, from exact log depth, as coarse networks and depth cameras deliver it.

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
