# SPDX-License-Identifier: Apache-2.0
"""A model made ready for its device: runtime, layout, precision and acceleration."""

import torch

from prv2_ros.engine.acceleration import GraphPool, accelerate, resolve_acceleration
from prv2_ros.engine.device import PRECISIONS
from prv2_ros.engine.lower import lower
from prv2_ros.engine.runtimes import use_runtime
from prv2_ros.errors import Prv2Error
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.tile_step import TileStep


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

    Raises:
        Prv2Error: the runtime that was asked for is not installed or cannot run the model.
    """
    acceleration = resolve_acceleration(acceleration, device)
    model.eval()
    baseline = hasattr(model.refiner, "fine")
    if baseline:
        # Left to autocast as it is: its fine network is a third party's, and what it makes once a frame is computed by
        # the very module.
        if runtime not in ("auto", "torch"):
            raise Prv2Error(f"runtime '{runtime}' runs only the variants of PatchRefiner V2; use runtime torch")
        runtime, acceleration = "torch", "none"
    found = use_runtime(model, runtime, device=device, precision=precision, digest=digest)
    if found != "torch":
        return found
    dtype = None if precision == "fp32" or baseline else PRECISIONS[precision]
    # The float32 refiner stays on the host where a copy of it runs.
    refiner = lower(model.refiner, dtype) if dtype else model.refiner
    refiner = refiner.eval().to(device, memory_format=torch.channels_last)
    model.coarse.to(device, memory_format=torch.channels_last)
    pool = GraphPool(device) if acceleration.endswith("graphs") else None
    # A network of transformers sees frames of every size and works on the host in between.
    whole = getattr(model.coarse, "whole_frame", False)
    model.run_by(
        # Of the coarse branch launches are what takes time: compiling it would double the wait for nothing.
        coarse=None if whole else accelerate(model.coarse, "graphs" if pool else "none", pool=pool),
        tiles=accelerate(TileStep(refiner, dtype), acceleration, pool=pool),
    )
    return found
