# SPDX-License-Identifier: Apache-2.0
"""PatchRefiner whose tiles run through the cheaper order of the same arithmetic."""

import torch
from torch import Tensor

from prv2_ros.engine.fast.coarse_halves import roi
from prv2_ros.engine.fast.fast_refiner import FastRefiner
from prv2_ros.model import Refiner
from prv2_ros.model.layers import resize
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.grid import Box
from prv2_ros.tiling.roi import CoarseMaps


class FastPatchRefiner(PatchRefiner):
    """As `PatchRefiner`, one tile at a time.

    Args:
        model: its modules are shared; the refiner's weights are packed, so load and move them before.
        dtype: see `FastRefiner`.
    """

    def __init__(self, model: PatchRefiner, *, dtype: torch.dtype = torch.float32):
        super().__init__(model.coarse, model.refiner, model.process_size, model.grid, tile_batch=1)
        self.fast = FastRefiner(self.refiner, dtype=dtype)
        self.train(model.training)

    @staticmethod
    def fits(model: PatchRefiner) -> bool:
        """Whether there is a faster order for this model: it needs our refiner with its C2F."""
        return isinstance(model.refiner, Refiner) and model.refiner.c2f is not None

    def refine(self, frame: Tensor, maps: CoarseMaps, boxes: list[Box]) -> Tensor:
        """Depth of tiles (N, h, w), metres; see `PatchRefiner.refine`."""
        depths = []
        with torch.autocast(frame.device.type, enabled=False):
            features = [feature.contiguous(memory_format=torch.channels_last) for feature in maps.features]
            for box in boxes:
                rgb = resize(frame[(..., *box.pixels(*frame.shape[-2:]))], self.process_size)
                coarse_depth = roi(maps.depth, box)
                residual = self.fast(rgb, coarse_depth, features, box)
                depths.append((coarse_depth + residual.float()).clamp(min=0))
        return torch.cat(depths)[:, 0]
