# SPDX-License-Identifier: Apache-2.0
"""Training of one network alone: the coarse branch, or the refiner by noisy pre-training (paper, section 3.4)."""

from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.objective import depth_objective
from prv2_ros.training.optimisation import learning_rates
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.tiles import positive


class SingleModule(DepthModule):
    """Trains what `log_depth` (B, 3, h, w) to log canonical depth (B, 1, h, w) runs, by the recipe's depth losses."""

    def log_depth(self, rgb: Tensor, seed: int = 0) -> Tensor:
        """Of images in [0, 1]; the same seed gives the same noise, where there is any."""
        raise NotImplementedError

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        recipe = self.recipe
        log_depth = self.log_depth(self.images(batch["rgb"]), self.step_seed)
        loss, parts = depth_objective(
            log_depth, batch["depth"], batch["sparse"], recipe.losses, sky_depth_m=recipe.sky_depth_m
        )
        return self.finish_step(loss, parts, batch)


class CoarseModule(SingleModule):
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

    def log_depth(self, rgb: Tensor, seed: int = 0) -> Tensor:
        if hasattr(self.coarse, "forward_internal"):
            return self.coarse.forward_internal(rgb)[0].float()
        return self.coarse(rgb)[0].float().clamp(min=1e-3).log()

    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        return {"coarse": self.coarse(rgb)[0].float()}

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return learning_rates(self.coarse, getattr(self.coarse, "encoder", None), self.recipe.encoder_lr_factor)


class NoisyPretrainModule(SingleModule):
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

    def log_depth(self, rgb: Tensor, seed: int = 0) -> Tensor:
        batch, _, height, width = rgb.shape
        generator = torch.Generator(rgb.device).manual_seed(seed)
        noise = [
            torch.randn(batch, c, height >> k, width >> k, generator=generator, device=rgb.device)
            for k, c in enumerate(self.refiner.coarse_channels)
        ]
        residual = self.refiner(rgb, rgb.new_zeros(batch, 1, height, width), noise)
        return positive(residual.float()).log()

    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        size = (self.recipe.tile_size[0], self.recipe.tile_size[1])
        rgb = nn.functional.interpolate(rgb, size, mode="bilinear", align_corners=False)
        return {"noisy": self.log_depth(rgb, self.recipe.seed).exp()}

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return learning_rates(self.refiner, self.refiner.encoder, self.recipe.encoder_lr_factor)
