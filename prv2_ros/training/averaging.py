# SPDX-License-Identifier: Apache-2.0
"""Exponential mean of a network's tensors, on the network's device, in few kernels."""

import torch
from torch import nn


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
