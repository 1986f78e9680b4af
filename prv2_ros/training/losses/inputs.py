# SPDX-License-Identifier: Apache-2.0
"""What every loss does first: check the shapes, leave half precision, and make unknown pixels harmless."""

from typing import NamedTuple

import torch
from torch import Tensor


class MaskedPair(NamedTuple):
    """A prediction and its reference with 1 in every pixel that does not count, and the pixels that do."""

    prediction: Tensor
    target: Tensor
    valid: Tensor


def masked_pair(prediction: Tensor, target: Tensor, mask: Tensor | None) -> MaskedPair:
    """Prepare the three maps of a loss.

    A pixel counts where `mask` is true and the target is finite and above 0. Other pixels are replaced by 1
    before any arithmetic, so that neither a NaN target nor a NaN prediction there reaches a gradient; a NaN
    prediction in a pixel that counts does reach the loss, because the trainer must see it.

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) depth in metres; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, or None for every known target.

    Returns:
        The maps in float32 (float64 stays float64) and the pixels that count.

    Raises:
        ValueError: if the shapes differ or are not (B, 1, H, W).
    """
    if prediction.ndim != 4 or prediction.shape[1] != 1:
        raise ValueError(f"prediction has shape {tuple(prediction.shape)}; a loss takes (B, 1, H, W)")
    for name, other in (("target", target), ("mask", mask)):
        if other is not None and other.shape != prediction.shape:
            raise ValueError(f"{name} has shape {tuple(other.shape)}, prediction has {tuple(prediction.shape)}")
    dtype = torch.promote_types(prediction.dtype, torch.float32)
    target = target.to(dtype)
    valid = torch.isfinite(target) & (target > 0)
    if mask is not None:
        valid = valid & mask.bool()
    one = torch.ones((), dtype=dtype, device=prediction.device)
    return MaskedPair(torch.where(valid, prediction.to(dtype), one), torch.where(valid, target, one), valid)


def no_loss(prediction: Tensor) -> Tensor:
    """Zero that is still joined to the graph, for a batch with nothing to learn from (DDP waits for every gradient)."""
    return torch.zeros_like(prediction).mul(prediction.nan_to_num(0.0, 0.0, 0.0)).sum()


def differences(residual: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Absolute forward differences along x and y of (..., H, W) maps, and the pairs where both pixels count."""
    along_x = (residual[..., :, 1:] - residual[..., :, :-1]).abs()
    along_y = (residual[..., 1:, :] - residual[..., :-1, :]).abs()
    return along_x, along_y, valid[..., :, 1:] & valid[..., :, :-1], valid[..., 1:, :] & valid[..., :-1, :]
