# SPDX-License-Identifier: Apache-2.0
"""Haar wavelets of feature maps, each channel alone."""

import torch
import torch.nn.functional as F
from torch import Tensor


def haar_analysis(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level of analysis; odd sides are padded with zeros right and below.

    Args:
        x: (B, C, H, W).

    Returns:
        LL (B, C, h, w) and the details LH, HL, HH (B, 3, C, h, w), h and w half of the sides, rounded up.
    """
    x = F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    details = torch.stack((a + b - c - d, a - b + c - d, a - b - c + d), dim=1)
    return (a + b + c + d) / 2, details / 2


def haar_synthesis(low: Tensor, details: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `haar_analysis`, cut to `size`: (B, C, H, W)."""
    lh, hl, hh = details.unbind(1)
    blocks = torch.stack((low + lh + hl + hh, low + lh - hl - hh, low - lh + hl - hh, low - lh - hl + hh), dim=2) / 2
    x = F.pixel_shuffle(blocks.flatten(1, 2), 2)
    return x[..., : size[0], : size[1]]
