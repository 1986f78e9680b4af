# SPDX-License-Identifier: Apache-2.0
"""Least-squares scale and shift in closed form, for many windows at once."""

import torch
from torch import Tensor

# A prediction that varies by less than this part of its size fixes no scale: float32 leaves nothing of it to divide by.
SINGULAR_RELATIVE_DEVIATION = 1e-4


def affine_residual(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """s·d + t − d̂ with the (s, t) that makes its squares smallest over the valid pixels of each map.

    The sums are taken about the means, where float32 keeps its digits. Gradients flow through s and t.

    Args:
        prediction: (..., H, W), d.
        target: (..., H, W), d̂.
        valid: (..., H, W) bool.

    Returns:
        The residual (..., H, W), 0 where not valid, and (...) bool: which systems could be solved. Where one
        could not (fewer than two valid pixels, or a constant prediction) the residual is 0.
    """
    count = valid.sum((-2, -1), keepdim=True).clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return values.masked_fill(~valid, 0.0).sum((-2, -1), keepdim=True) / count

    centred = prediction - mean(prediction)
    centred_target = target - mean(target)
    variance = mean(centred**2)
    # written so that a NaN prediction counts as solvable, and is seen in the loss
    singular = variance <= SINGULAR_RELATIVE_DEVIATION**2 * mean(prediction**2)
    scale = mean(centred * centred_target) / torch.where(singular, torch.ones_like(variance), variance)
    residual = (scale * centred - centred_target).masked_fill(~valid | singular, 0.0)
    return residual, ~singular[..., 0, 0]
