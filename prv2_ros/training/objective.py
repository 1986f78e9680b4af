# SPDX-License-Identifier: Apache-2.0
"""What the recipes' `losses` mean, joined into one number."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.training.losses import gradient_match_loss, local_ssigm_loss, silog_loss

ROBUST_SCALE = 0.15  # log depth: the pull is strongest at 1.155 times it, an error of 19 %, just inside delta1's 25 %
LOG_NEAREST = math.log(1e-3)  # log depth is counted from here, where a loss takes 0 and below for unknown


def log_error(log_depth: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """log d - log d*, 0 where the target is unknown or sky, and where it is neither."""
    valid = (target > 0) & torch.isfinite(target)
    log_target = torch.log(torch.where(valid, target, torch.ones_like(target)))
    return (log_depth - log_target) * valid, valid


def mean_of_frames(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over frames of the mean over each frame's valid pixels, (B, 1, H, W) that are 0 elsewhere.

    A frame counts once whether LiDAR gives it 2,000 pixels or a renderer all of them; one without any does not count.
    """
    count = valid.sum((1, 2, 3))
    return (values.sum((1, 2, 3)) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


def log_l1_loss(log_depth: Tensor, target: Tensor) -> Tensor:
    """|log d - log d*|, frame by frame; the absolute scale is in it undiminished, as the canonical camera needs.

    Args:
        log_depth: (B, 1, H, W).
        target: (B, 1, H, W) metres; 0 = unknown, inf = sky.
    """
    error, valid = log_error(log_depth, target)
    return mean_of_frames(error.abs(), valid)


def log_robust_loss(log_depth: Tensor, target: Tensor) -> Tensor:
    """Geman-McClure loss of the log error (Geman and McClure 1985; Barron 2019 with alpha = -2), frame by frame.

    2 x^2 / (x^2 + 4), x the error over `ROBUST_SCALE`: what is far off pulls less and less, so a surface that may
    be near or far is answered with the likelier of both, where L1 answers with the median of what it may be.

    Args:
        log_depth: (B, 1, H, W).
        target: (B, 1, H, W) metres; 0 = unknown, inf = sky.
    """
    error, valid = log_error(log_depth, target)
    square = (error / ROBUST_SCALE).square()
    return mean_of_frames(2 * square / (square + 4), valid)


def relative_rmse_loss(depth: Tensor, target: Tensor) -> Tensor:
    """Mean over frames of e = RMSE / (mean depth + 1 m): far errors count in metres, near rooms are not forgotten.

    Above 1 it is 1 + log e: a near wall that the coarse branch takes for a far one must not outweigh the batch.

    Args:
        depth: (B, 1, H, W) metres.
        target: (B, 1, H, W) metres; 0 = unknown, inf = sky.
    """
    valid = (target > 0) & torch.isfinite(target)
    known = torch.where(valid, target, torch.zeros_like(target))
    count = valid.sum((1, 2, 3))
    square = ((depth - known).square() * valid).sum((1, 2, 3)) / count.clamp(min=1)
    relative = (square + 1e-6).sqrt() / (known.sum((1, 2, 3)) / count.clamp(min=1) + 1.0)
    relative = torch.where(relative > 1, 1 + torch.log(relative.clamp(min=1)), relative)
    return (relative * (count > 0)).sum() / (count > 0).sum().clamp(min=1)


def sky_loss(log_depth: Tensor, target: Tensor, sky_depth_m: float) -> Tensor:
    """Hinge: sky must lie beyond `sky_depth_m`, and how far beyond does not matter."""
    sky = torch.isinf(target)
    short = F.relu(math.log(sky_depth_m) - log_depth) * sky
    return short.sum() / sky.sum().clamp(min=1)


def edge_loss(log_depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Local SSIGM of log depth: edges must have the shape of the truth's at any scale.

    Of log depth, so that an edge in a room counts as much as one at the far end of a street.

    Args:
        log_depth: (B, 1, H, W).
        target: (B, 1, H, W) metres.
        valid: (B, 1, H, W) bool, pixels that count.
    """
    log_target = torch.log(torch.where(valid, target, torch.ones_like(target)))
    return local_ssigm_loss(log_depth - LOG_NEAREST, log_target - LOG_NEAREST, valid)


def depth_objective(
    log_depth: Tensor, target: Tensor, sparse: Tensor, weights: dict[str, float], *, sky_depth_m: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the depth losses that a recipe names.

    Args:
        log_depth: (B, 1, H, W) float32.
        target: (B, 1, H, W) canonical metres; 0 = unknown, inf = sky.
        sparse: (B,) bool; no gradients are compared where depth is single returns.
        weights: of log_l1, log_robust, silog, gradient, ssigm (see `edge_loss`), rmse, sky; silog_mean is SILog's
            weight of the squared mean.
        sky_depth_m: see `sky_loss`.

    Returns:
        The sum and its unweighted parts.
    """
    parts: dict[str, Tensor] = {}
    total = log_depth.sum() * 0.0
    known = torch.where(torch.isfinite(target), target, torch.zeros_like(target))
    if weights.get("log_l1"):
        parts["log_l1"] = log_l1_loss(log_depth, target)
    if weights.get("log_robust"):
        parts["log_robust"] = log_robust_loss(log_depth, target)
    if weights.get("silog"):
        parts["silog"] = silog_loss(log_depth.exp(), known, mean_weight=weights.get("silog_mean", 0.15))
    dense = (known > 0) & ~sparse.view(-1, 1, 1, 1)
    if weights.get("gradient"):
        parts["gradient"] = gradient_match_loss(log_depth.exp(), known, dense)
    if weights.get("ssigm"):
        parts["ssigm"] = edge_loss(log_depth, known, dense)
    if weights.get("rmse"):
        parts["rmse"] = relative_rmse_loss(log_depth.exp(), target)
    if weights.get("sky") and sky_depth_m > 0:
        parts["sky"] = sky_loss(log_depth, target, sky_depth_m)
    for name, value in parts.items():
        total = total + weights[name] * value
    return total, parts
