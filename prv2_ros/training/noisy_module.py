# SPDX-License-Identifier: Apache-2.0
"""Noisy pre-training: the refiner alone learns depth from colour, its coarse inputs are noise (paper, section 3.4)."""

from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.objective import depth_objective
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.tiles import positive


class NoisyPretrainModule(DepthModule):
    """The refiner on whole low-resolution frames: noise for every coarse feature, no coarse depth.

    A zero depth channel makes the four-channel stem the paper's three-channel one; that channel's weights begin at zero
    and stay there, as widening a pretrained stem would have it.

    Args:
        refiner: what is trained.
        recipe: the run.
    """

    def __init__(self, refiner: nn.Module, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.refiner = refiner.to(memory_format=torch.channels_last)
        self.refiner.encoder.clear_depth_channel()

    def log_depth(self, rgb: Tensor, seed: int) -> Tensor:
        """(B, 3, H, W) to log canonical depth (B, 1, H, W); the same seed gives the same noise."""
        batch, _, height, width = rgb.shape
        generator = torch.Generator(rgb.device).manual_seed(seed)
        noise = [
            torch.randn(batch, c, height >> k, width >> k, generator=generator, device=rgb.device)
            for k, c in enumerate(self.refiner.coarse_channels)
        ]
        residual = self.refiner(rgb, rgb.new_zeros(batch, 1, height, width), noise)
        return positive(residual.float()).log()

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        seed = self.recipe.seed + 1000003 * self.global_step + self.global_rank
        loss, parts = depth_objective(
            self.log_depth(self.images(batch["rgb"]), seed),
            batch["depth"],
            batch["sparse"],
            self.recipe.losses,
            sky_depth_m=self.recipe.sky_depth_m,
        )
        return self.finish_step(loss, parts, batch)

    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        size = (self.recipe.tile_size[0], self.recipe.tile_size[1])
        rgb = nn.functional.interpolate(rgb, size, mode="bilinear", align_corners=False)
        return {"noisy": self.log_depth(rgb, self.recipe.seed).exp()}

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        encoder = list(self.refiner.encoder.parameters())
        known = {id(p) for p in encoder}
        rest = [p for p in self.refiner.parameters() if id(p) not in known]
        return [(rest, 1.0), (encoder, self.recipe.encoder_lr_factor)]
