# SPDX-License-Identifier: Apache-2.0
"""Real-domain transfer: scale from sparse real depth, edges from a frozen teacher trained on synthetic scenes (DSD)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.training.losses import dsd_loss
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.refiner_module import RefinerModule
from prv2_ros.training.tiles import positive


class TransferModule(RefinerModule):
    """The student starts as a copy of its teacher; the teacher answers on the same tiles.

    Args:
        coarse, refiner: networks trained on synthetic data; copies of them are the teacher.
        recipe: the run; losses `detail` is DSD's w, `window_px` and `windows` those of local SSIGM, `ssi` adds it.
    """

    def __init__(self, coarse: nn.Module, refiner: nn.Module, recipe: Recipe) -> None:
        super().__init__(coarse, refiner, recipe, train_coarse=True)
        self.teacher = nn.ModuleDict({"coarse": copy.deepcopy(coarse), "refiner": copy.deepcopy(refiner)})
        self.teacher.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "TransferModule":
        """The teacher stays in eval mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def pseudo_labels(self, batch: dict[str, Any]) -> Tensor:
        """The teacher's depth of the batch's tiles, (B * K, 1, th, tw)."""
        coarse_depth, features = self.teacher["coarse"](self.images(batch["frame"]))
        depth, features = self.crop(coarse_depth.float(), features, batch["box"])
        rgb = self.images(batch["rgb"].flatten(0, 1))
        return positive(depth + self.teacher["refiner"](rgb, depth, features).float())

    def losses(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        weights = self.recipe.losses
        refined, _, _ = self.refine(batch)
        target = batch["depth"].flatten(0, 1)
        window = weights.get("window_px", 23)
        generator = torch.Generator().manual_seed(self.recipe.seed + 1000003 * self.global_step + self.global_rank)
        loss = dsd_loss(
            positive(refined),
            target,
            pseudo=self.pseudo_labels(batch),
            weight=weights.get("detail", 0.8),
            window_px=int(window) if window else None,
            windows=int(weights.get("windows", 100)),
            with_ssi=bool(weights.get("ssi", 0)),
            generator=generator,
        )
        return loss, {"dsd": loss}
