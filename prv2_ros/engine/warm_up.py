# SPDX-License-Identifier: Apache-2.0
"""What is slow the first time, done before the first frame."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from prv2_ros.engine.device import running_on
from prv2_ros.engine.faults import is_out_of_memory
from prv2_ros.engine.memory import free_kept_memory
from prv2_ros.tiling.grid import regular_boxes

if TYPE_CHECKING:
    from prv2_ros.engine.engine import DepthEngine


def warm_up(engine: "DepthEngine", height: int, width: int) -> float:
    """See `DepthEngine.warm_up`."""
    grey = np.full((height, width, 3), 127, np.uint8)
    measured = {}
    if engine.needs_depth:  # half of it holes, so that the branch that fills them runs too
        measured = {"coarse_depth_m": np.repeat(np.float32([[1.0], [np.nan]]), 32, axis=0).repeat(64, axis=1)}
    took_ms = engine(grey, **measured)[1].total_ms
    if engine.device.type == "cuda":
        _warm_up_batches(engine)
        engine.budget.relearn()  # what compiling took says nothing about the next frame
        took_ms = engine(grey, **measured)[1].total_ms
    return took_ms


@torch.inference_mode()
def _warm_up_batches(engine: "DepthEngine") -> None:
    height, width = engine.process_size
    frame = torch.full((1, 3, height, width), 0.5, device=engine.device)
    frame = frame.contiguous(memory_format=torch.channels_last)
    model, batch = engine.model, engine.batches.most
    with running_on(engine.device), engine.autocast():
        maps = model.coarse_maps(frame, (1, 1))
        while batch:
            model.tile_batch = batch
            try:
                model.refine(frame, maps, regular_boxes((1, 1)) * batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                free_kept_memory(model, engine.device)
            batch //= 2
