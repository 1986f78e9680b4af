# SPDX-License-Identifier: Apache-2.0
"""Scale- and shift-invariant loss (Ranftl et al. 2020, MiDaS, with the least-squares alignment)."""

from torch import Tensor

from prv2_ros.training.losses.alignment import affine_residual
from prv2_ros.training.losses.inputs import masked_pair, no_loss


def ssi_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean |s·d + t − d*| with one least-squares (s, t) an image.

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) depth in metres; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, pixels that count; None for every known target.

    Returns:
        Scalar, the mean over the images whose (s, t) can be solved; 0 where none can.
    """
    pair = masked_pair(prediction, target, mask)
    residual, solved = affine_residual(*pair)
    if not solved.any():
        return no_loss(prediction)
    per_image = residual.abs().sum((-2, -1)) / pair.valid.sum((-2, -1)).clamp(min=1)
    return per_image.sum() / solved.sum()
