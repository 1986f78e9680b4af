# SPDX-License-Identifier: Apache-2.0
"""Losses of the resident trainer: the loaders' depth objective, and what only it has."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.training.losses import gradient_match_loss, local_ssigm_loss
from prv2_ros.training.losses.maps import affine_residual
from prv2_ros.training.objective import LOG_NEAREST, log_error, mean_of_frames


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
        The sum and its unweighted parts.
    """
    exact_px = exact.view(-1, 1, 1, 1)
    error, valid = log_error(log_depth, target)
    sharp = valid & exact_px
    smooth = valid & ~exact_px & away_from_edges(target)
    parts = {
        "log_l1": mean_of_frames(error.abs() * sharp, sharp),
        "real": mean_of_frames(error.abs() * smooth, smooth),
        "gradient": gradient_match_loss(log_depth.exp(), target, sharp),
    }
    if weights.get("ssigm"):
        log_target = torch.log(torch.where(valid, target, torch.ones_like(target)))
        parts["ssigm"] = local_ssigm_loss(log_depth - LOG_NEAREST, log_target - LOG_NEAREST, sharp)
    total = log_depth.sum() * 0.0
    for name, value in parts.items():
        total = total + weights.get(name, 0.0) * value
    return total, parts
