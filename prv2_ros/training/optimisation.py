# SPDX-License-Identifier: Apache-2.0
"""What both trainers do to a network: rates of its parts, averaged weights, and precision on a CPU."""

from functools import partial

import torch
from torch import Tensor, nn


def learning_rates(
    module: nn.Module, pretrained: nn.Module | None, factor: float
) -> list[tuple[list[nn.Parameter], float]]:
    """Parameters with the factor of their learning rate: 1, and another for those of a pretrained part."""
    slow = list(pretrained.parameters()) if pretrained is not None else []
    known = {id(p) for p in slow}
    return [([p for p in module.parameters() if id(p) not in known], 1.0), (slow, factor)]


@torch.no_grad()
def average_towards(average: nn.Module, module: nn.Module, *, decay: float, updates: int) -> None:
    """Take a module's parameters and buffers into their mean, which is a module of the same kind.

    Args:
        average: the mean; batch norms' statistics are averaged too, counters are copied.
        module: what is trained.
        decay: weight of the mean; near the start it is smaller, so that the start is forgotten.
        updates: how many were made before.
    """
    weight = min(decay, (1 + updates) / (10 + updates))
    pairs = [
        (a, b.detach())
        for ours, theirs in ((average.parameters(), module.parameters()), (average.buffers(), module.buffers()))
        for a, b in zip(ours, theirs, strict=True)
    ]
    floats = [(a, b) for a, b in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - weight)
    for a, b in pairs:
        if not a.is_floating_point():
            a.copy_(b)


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
