# SPDX-License-Identifier: Apache-2.0
"""Small layers that the figure's boxes share."""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv3(in_channels: int, out_channels: int, *, bias: bool = False) -> nn.Conv2d:
    """3x3 convolution, stride 1, padding 1: (B, in, H, W) to (B, out, H, W)."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)


def conv1(in_channels: int, out_channels: int, *, bias: bool = False) -> nn.Conv2d:
    """1x1 convolution: (B, in, H, W) to (B, out, H, W)."""
    return nn.Conv2d(in_channels, out_channels, 1, bias=bias)


def without_autocast(device: torch.device) -> AbstractContextManager:
    """In which nothing is cast to 16 bits; tensors on meta, which are there to be counted, know no autocast at all."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channel axis at each pixel, affine: (B, C, H, W) to the same shape."""

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        # In channels_last layout both permutes are views, so this is one fused kernel.
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def activation_norm(kind: str, channels: int) -> nn.Module:
    """Normalisation of (B, channels, H, W): "layer" over channels at each pixel, as the paper; "batch", which
    disappears into the convolution before it at inference.

    Raises:
        ValueError: the kind is neither.
    """
    if kind == "layer":
        return ChannelNorm(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    raise ValueError(f"unknown normalisation '{kind}': choose layer or batch")


def resize(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Bilinear resize with aligned corners and no antialiasing, as everywhere in the network; a no-op at equal size."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
