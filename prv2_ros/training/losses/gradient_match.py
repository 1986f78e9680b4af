# SPDX-License-Identifier: Apache-2.0
"""Multi-scale gradient matching of log depth (Li and Snavely 2018, MegaDepth)."""

import torch
from torch import Tensor

from prv2_ros.training.losses.inputs import differences, masked_pair, no_loss
from prv2_ros.training.losses.silog import LOG_OFFSET_M


def gradient_match_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None, *, scales: int = 4) -> Tensor:
    """Sum over scales of the mean of |∂x R| + |∂y R|, R = log d − log d* taken at every 2^k-th pixel, k = 0…scales−1.

    It is 0 for a prediction that is wrong by one factor alone, and grows with edges that are misplaced or
    smeared. A difference counts where both of its pixels do; the mean is over the valid pixels of that scale.

    Args:
        prediction: (B, 1, H, W) depth in metres; below 0 counts as 0.
        target: (B, 1, H, W) depth in metres; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, pixels that count; None for every known target.
        scales: number of scales.

    Returns:
        Scalar over the batch; 0 where no two neighbours are valid.
    """
    pair = masked_pair(prediction, target, mask)
    residual = torch.log(pair.prediction.clamp(min=0) + LOG_OFFSET_M) - torch.log(pair.target + LOG_OFFSET_M)
    loss = no_loss(prediction)
    for scale in range(scales):
        step = 2**scale
        valid = pair.valid[..., ::step, ::step]
        along_x, along_y, pairs_x, pairs_y = differences(residual[..., ::step, ::step], valid)
        total = along_x.masked_fill(~pairs_x, 0.0).sum() + along_y.masked_fill(~pairs_y, 0.0).sum()
        loss = loss + total / valid.sum().clamp(min=1)
    return loss
