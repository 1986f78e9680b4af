# SPDX-License-Identifier: Apache-2.0
"""A model made ready for its device: runtime, layout, precision and acceleration."""

import torch

from prv2_ros.engine.acceleration import GraphPool, accelerate, resolve_acceleration
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.lower import lower
from prv2_ros.engine.runtimes import use_runtime
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.tile_step import TileStep

# Positions of the tiles and of their boxes among what a `TileStep` takes.
_BATCHED = (0, 1)


def prepare(
    model: PatchRefiner,
    *,
    device: torch.device,
    precision: str,
    acceleration: str = "auto",
    runtime: str = "torch",
    digest: str | None = None,
) -> str:
    """Move a model to its device and choose what computes it.

    Args:
        model: with its weights loaded.
        device: where it will run.
        precision: "fp32", "bf16" or "fp16".
        acceleration: of torch on CUDA, one of `ACCELERATIONS`.
        runtime, digest: see `use_runtime`.

    Returns:
        the name of the runtime.
    """
    acceleration = resolve_acceleration(acceleration, device)
    model.eval()
    found = use_runtime(model, runtime, device=device, precision=precision, digest=digest)
    if found != "torch":
        return found
    dtype = None if precision == "fp32" else PRECISIONS[precision]
    # The float32 refiner stays on the host where a copy of it runs.
    refiner = lower(model.refiner, dtype) if dtype else model.refiner
    refiner = refiner.eval().to(device, memory_format=torch.channels_last)
    model.coarse.to(device, memory_format=torch.channels_last)
    pool = GraphPool(device) if acceleration.endswith("graphs") else None
    # A network of transformers sees frames of every size and works on the host in between.
    whole = getattr(model.coarse, "whole_frame", False)
    model.run_by(
        coarse=None if whole else accelerate(model.coarse, acceleration, pool=pool),
        tiles=accelerate(TileStep(refiner, dtype), acceleration, pool=pool, batched=_BATCHED),
    )
    return found
