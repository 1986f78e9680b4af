# SPDX-License-Identifier: Apache-2.0
"""Convolutions with weights that are converted and laid out once, not once a call."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Convolution:
    """A stride-1 convolution that keeps the size, in one dtype and in channels_last.

    Args:
        weight: (O, C, k, k), k odd.
        bias: (O,) or None.
        dtype: of weights and inputs.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, dtype: torch.dtype = torch.float32):
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
        """(B, C, H, W) to (B, O, H, W), both channels_last."""
        if self._direct:
            return torch.mkldnn_convolution(x, self.weight, self.bias, [0, 0], [1, 1], [1, 1], 1)
        return F.conv2d(x, self.weight, self.bias, padding=self._padding)
