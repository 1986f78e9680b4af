# SPDX-License-Identifier: Apache-2.0
"""A model made ready for its device: layout, precision and the fastest order of its arithmetic."""

import torch

from prv2_ros.engine.acceleration import accelerate
from prv2_ros.engine.allocator import keep_freed_memory
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.fast import FastPatchRefiner
from prv2_ros.tiling import PatchRefiner


def prepare(
    model: PatchRefiner, *, device: torch.device, precision: str, fast: bool = True, acceleration: str = "none"
) -> PatchRefiner:
    """Move a model to its device and choose how its tiles are computed.

    Args:
        model: with its weights loaded.
        device: where it will run.
        precision: "fp32", "bf16" or "fp16".
        fast: False keeps the order in which the paper writes the arithmetic, and leaves the C library's heap alone.
        acceleration: see `acceleration.accelerate`; takes the place of the faster order on a CPU.

    Returns:
        the model, or one around the same modules.
    """
    model = model.eval().to(device, memory_format=torch.channels_last)
    model.refiner = accelerate(model.refiner, acceleration, device)
    if not fast or device.type != "cpu":
        return model
    keep_freed_memory()
    return FastPatchRefiner(model, dtype=PRECISIONS[precision]) if FastPatchRefiner.fits(model) else model
