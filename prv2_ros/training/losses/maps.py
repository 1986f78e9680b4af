# SPDX-License-Identifier: Apache-2.0
"""Losses of whole maps, and what all losses share: checked inputs, differences, alignment."""

from typing import NamedTuple

import torch
from torch import Tensor

# A prediction that varies by less than this part of its size fixes no scale: float32 leaves nothing of it to divide by.
SINGULAR_RELATIVE_DEVIATION = 1e-4
LOG_OFFSET_M = 1e-7


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

    Returns:
        The maps (B, 1, H, W) in float32 (float64 stays float64) and the pixels that count.

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


def silog_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None, *, mean_weight: float = 0.15) -> Tensor:
    """10·sqrt(var(g) + mean_weight·mean(g)²) with g = log(d + 1e-7) − log(d* + 1e-7), over the batch, var unbiased.

    Eigen et al. 2014 in the weighting of AdaBins and of PatchRefiner. With prediction = c·target the loss is
    10·sqrt(mean_weight)·|log c|: the scale is punished, but less than the shape. Predictions below 0 count as 0.
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


def ssi_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean |s·d + t − d*| with one least-squares (s, t) an image (Ranftl et al. 2020), of images that can be solved."""
    pair = masked_pair(prediction, target, mask)
    residual, solved = affine_residual(*pair)
    if not solved.any():
        return no_loss(prediction)
    per_image = residual.abs().sum((-2, -1)) / pair.valid.sum((-2, -1)).clamp(min=1)
    return per_image.sum() / solved.sum()


def gradient_match_loss(prediction: Tensor, target: Tensor, mask: Tensor | None = None, *, scales: int = 4) -> Tensor:
    """Sum over scales of the mean of |∂x R| + |∂y R|, R = log d − log d* taken at every 2^k-th pixel, k = 0…scales−1.

    It is 0 for a prediction that is wrong by one factor alone, and grows with edges that are misplaced or smeared (Li
    and Snavely 2018, MegaDepth). A difference counts where both of its pixels do. Predictions below 0 count as 0.
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
