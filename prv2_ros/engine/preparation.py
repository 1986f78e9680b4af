# SPDX-License-Identifier: Apache-2.0
"""A model made ready for its device: layout, precision and the fastest order of its arithmetic."""

import torch

from prv2_ros.engine.acceleration import GraphPool, accelerate, resolve_acceleration
from prv2_ros.engine.allocator import keep_freed_memory
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.fast import FastPatchRefiner
from prv2_ros.engine.lower import lower
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.tile_step import TileStep

# Positions of the tiles and of their boxes among what a `TileStep` takes.
_BATCHED = (0, 1)


def prepare(
    model: PatchRefiner, *, device: torch.device, precision: str, fast: bool = True, acceleration: str = "auto"
) -> PatchRefiner:
    """Move a model to its device and choose how its tiles are computed.

    Args:
        model: with its weights loaded.
        device: where it will run.
        precision: "fp32", "bf16" or "fp16".
        fast: False keeps the order in which the paper writes the arithmetic, and leaves the C library's heap alone.
        acceleration: one of `ACCELERATIONS`; takes the place of the faster order on a CPU.

    Returns:
        the model, or one around the same modules.
    """
    acceleration = resolve_acceleration(acceleration, device)
    model = model.eval()
    if device.type == "cuda":
        return _prepare_for_cuda(model, device, precision, acceleration, fast=fast)
    model = model.to(device, memory_format=torch.channels_last)
    if acceleration != "none":
        model.run_by(tiles=accelerate(TileStep(model.refiner), acceleration, batched=_BATCHED))
    elif fast and device.type == "cpu":
        keep_freed_memory()
        return FastPatchRefiner(model, dtype=PRECISIONS[precision]) if FastPatchRefiner.fits(model) else model
    return model


def _prepare_for_cuda(
    model: PatchRefiner, device: torch.device, precision: str, acceleration: str, *, fast: bool
) -> PatchRefiner:
    dtype = PRECISIONS[precision] if fast and precision != "fp32" else None
    # The float32 refiner stays on the host where a copy of it runs.
    refiner = lower(model.refiner, dtype) if dtype else model.refiner
    refiner = refiner.eval().to(device, memory_format=torch.channels_last)
    model.coarse.to(device, memory_format=torch.channels_last)
    pool = GraphPool(device) if acceleration.endswith("graphs") else None
    model.run_by(
        coarse=accelerate(model.coarse, acceleration, pool=pool),
        tiles=accelerate(TileStep(refiner, dtype), acceleration, pool=pool, batched=_BATCHED),
    )
    return model
