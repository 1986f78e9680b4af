# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions in float32 where a CPU trains in bf16."""

from functools import partial

import torch
from torch import Tensor, nn


def depthwise_in_float32(module: nn.Module) -> int:
    """Keep the module's depthwise convolutions out of autocast; input and output keep their type.

    oneDNN's bf16 gradient of a depthwise convolution takes 3 to 5 times its float32 one's time (PyTorch 2.12, AVX-512
    with bf16), which was two thirds of a whole step of EfficientNet-Lite0.

    Returns:
        How many convolutions were found.
    """
    found = [m for m in module.modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1]
    for convolution in found:
        convolution.forward = partial(_outside_autocast, convolution.forward)
    return len(found)


def _outside_autocast(forward, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return forward(x.float()).to(x.dtype)
