# SPDX-License-Identifier: Apache-2.0
"""Detail and scale disentangling (PatchRefiner): scale from real ground truth, edges from a synthetic teacher."""

import torch
from torch import Tensor

from prv2_ros.training.losses.local_ssigm import local_ssigm_loss
from prv2_ros.training.losses.ranking import edge_ranking_loss
from prv2_ros.training.losses.silog import silog_loss
from prv2_ros.training.losses.ssi import ssi_loss


def dsd_loss(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    pseudo: Tensor,
    pseudo_mask: Tensor | None = None,
    weight: float = 0.8,
    window_px: int | None = 23,
    windows: int = 100,
    with_ssi: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """L_silog(d, ground truth) + weight·(L_rank + L_local-SSIGM [+ L_SSI])(d, pseudo label).

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) real ground truth in metres, as sparse as it comes; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, ground truth that counts; None for every known pixel.
        pseudo: (B, 1, H, W) depth of a frozen teacher trained on synthetic data; no gradient flows into it.
        pseudo_mask: (B, 1, H, W) bool, pseudo labels that count; None for every known one.
        weight: weight of the pseudo-label terms.
        window_px: side of the local SSIGM windows; None for one window over the image.
        windows: local SSIGM windows an image; 0 leaves that term out.
        with_ssi: add the scale- and shift-invariant term.
        generator: source of the windows and point pairs, on the CPU; None is PyTorch's own.

    Returns:
        Scalar.
    """
    pseudo = pseudo.detach()
    detail = edge_ranking_loss(prediction, pseudo, pseudo_mask, generator=generator)
    if windows:
        detail = detail + local_ssigm_loss(
            prediction, pseudo, pseudo_mask, window_px=window_px, windows=windows, generator=generator
        )
    if with_ssi:
        detail = detail + ssi_loss(prediction, pseudo, pseudo_mask)
    return silog_loss(prediction, target, mask) + weight * detail
