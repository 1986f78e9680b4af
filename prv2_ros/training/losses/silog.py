# SPDX-License-Identifier: Apache-2.0
"""Scale-invariant logarithmic loss (Eigen et al. 2014, in the weighting of AdaBins and of PatchRefiner)."""

import torch
from torch import Tensor

from prv2_ros.training.losses.inputs import masked_pair, no_loss

LOG_OFFSET_M = 1e-7


def silog_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None, *, mean_weight: float = 0.15) -> Tensor:
    """10·sqrt(var(g) + mean_weight·mean(g)²) with g = log(d + 1e-7) − log(d* + 1e-7), var unbiased.

    With prediction = c·target, g is log c everywhere and the loss is 10·sqrt(mean_weight)·|log c|: the scale
    is punished, but less than the shape.

    Args:
        prediction: (B, 1, H, W) depth in metres; below 0 counts as 0.
        target: (B, 1, H, W) depth in metres; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, pixels that count; None for every known target.
        mean_weight: weight of the squared mean.

    Returns:
        Scalar over the valid pixels of the whole batch; 0 where fewer than two are valid.
    """
    pair = masked_pair(prediction, target, mask)
    count = pair.valid.sum()
    if count < 2:
        return no_loss(prediction)
    log_ratio = torch.log(pair.prediction.clamp(min=0) + LOG_OFFSET_M) - torch.log(pair.target + LOG_OFFSET_M)
    log_ratio = log_ratio.masked_fill(~pair.valid, 0.0)
    mean = log_ratio.sum() / count
    variance = ((log_ratio - mean).masked_fill(~pair.valid, 0.0) ** 2).sum() / (count - 1)
    total = variance + mean_weight * mean**2
    # the slope of the root is infinite at a perfect prediction: there the loss is 0 and asks for nothing
    perfect = total == 0
    return 10.0 * torch.where(perfect, total, torch.sqrt(torch.where(perfect, torch.ones_like(total), total)))
