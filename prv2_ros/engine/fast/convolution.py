# SPDX-License-Identifier: Apache-2.0
"""Convolutions with weights that are converted and laid out once, not once a call, and the norm between them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import ChannelNorm

_LANES = 16  # float32 numbers of a vector register


class Convolution:
    """A stride-1 convolution that keeps the size, in one dtype and in channels_last.

    Args:
        weight: (O, C, k, k), k odd.
        bias: (O,) or None.
        dtype: of weights and inputs.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, dtype: torch.dtype = torch.float32):
        self.dtype = dtype
        self.weight = weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self._padding = weight.shape[-1] // 2
        # With one thread torch gives a float32 1x1 convolution to a matrix product of less than half oneDNN's speed.
        self._direct = weight.shape[-1] == 1 and weight.device.type == "cpu" and torch.backends.mkldnn.is_available()

    @classmethod
    def of(cls, module: nn.Conv2d, *, dtype: torch.dtype) -> "Convolution":
        """With the weights of a module."""
        return cls(module.weight, module.bias, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, O, H, W) of this convolution's dtype, channels_last."""
        x = x.to(self.dtype)
        if self._direct:
            return torch.mkldnn_convolution(x, self.weight, self.bias, [0, 0], [1, 1], [1, 1], 1)
        return F.conv2d(x, self.weight, self.bias, padding=self._padding)


class PixelNorm:
    """A `ChannelNorm` that also serves widths which leave vector registers half empty: torch's own is slow there.

    Below a register's width the sums over channels are written as 1x1 convolutions, whose kernels run along pixels.

    Args:
        norm: the layer.
    """

    def __init__(self, norm: ChannelNorm):
        channels = norm.normalized_shape[0]
        self._norm = norm
        self._odd = channels % _LANES != 0
        self._narrow = channels < _LANES and norm.weight.device.type == "cpu"
        if self._narrow:
            mean = torch.full((channels, channels), 1 / channels, device=norm.weight.device)
            self._centre, self._mean, self._scale = (
                Convolution(matrix[:, :, None, None], bias)
                for matrix, bias in (
                    (torch.eye(channels, device=mean.device) - mean, None),
                    (mean, None),
                    (torch.diag(norm.weight.detach().float()), norm.bias.detach().float()),
                )
            )

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape and dtype, channels_last."""
        if self._narrow:
            y = self._centre(x)
            deviation = self._mean(y * y).add_(self._norm.eps).rsqrt_()
            return self._scale(y.mul_(deviation)).to(x.dtype)
        x_ = x.float() if self._odd else x
        return self._norm(x_.contiguous(memory_format=torch.channels_last)).to(x.dtype)
