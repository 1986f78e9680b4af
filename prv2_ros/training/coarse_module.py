# SPDX-License-Identifier: Apache-2.0
"""Training of the coarse branch."""

from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.objective import depth_objective
from prv2_ros.training.recipe import Recipe


class CoarseModule(DepthModule):
    """The coarse branch alone, on views at its internal size.

    Args:
        coarse: a coarse branch; one with `forward_internal` is trained at its internal size.
        recipe: the run.
    """

    def __init__(self, coarse: nn.Module, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.coarse = coarse.to(memory_format=torch.channels_last)
        if recipe.drop_path and hasattr(coarse, "set_drop_path"):
            coarse.set_drop_path(recipe.drop_path)

    @property
    def view_size(self) -> tuple[int, int] | None:
        """(H, W) of the views that it is trained on; None where the coarse branch asks for no size of its own."""
        height, width = self.recipe.process_size
        return self.coarse.internal_size((height, width)) if hasattr(self.coarse, "internal_size") else None

    def log_depth(self, rgb: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1] to (B, 1, h, w) log canonical depth."""
        if hasattr(self.coarse, "forward_internal"):
            return self.coarse.forward_internal(rgb)[0].float()
        return self.coarse(rgb)[0].float().clamp(min=1e-3).log()

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        rgb = self.images(batch["rgb"])
        loss, parts = depth_objective(
            self.log_depth(rgb),
            batch["depth"],
            batch["sparse"],
            self.recipe.losses,
            sky_depth_m=self.recipe.sky_depth_m,
        )
        return self.finish_step(loss, parts, batch)

    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        return {"coarse": self.coarse(rgb)[0].float()}

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        encoder = list(self.coarse.encoder.parameters()) if hasattr(self.coarse, "encoder") else []
        known = {id(p) for p in encoder}
        rest = [p for p in self.coarse.parameters() if id(p) not in known]
        return [(rest, 1.0), (encoder, self.recipe.encoder_lr_factor)]
