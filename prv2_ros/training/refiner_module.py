# SPDX-License-Identifier: Apache-2.0
"""Training of the refiner on tiles: the coarse branch frozen, end to end, or in transfer to a real domain (DSD)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.model.layers import resize
from prv2_ros.tiling.roi import crop_coarse
from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.losses import dsd_loss
from prv2_ros.training.objective import depth_objective
from prv2_ros.training.optimisation import learning_rates
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.tiles import Tiles, positive, tile_inputs


class RefinerModule(DepthModule):
    """The residual formulation on random tiles.

    Args:
        coarse: coarse branch; frozen unless `train_coarse`.
        refiner: what is trained.
        recipe: the run.
        train_coarse: end to end.
    """

    def __init__(self, coarse: nn.Module, refiner: nn.Module, recipe: Recipe, *, train_coarse: bool = False) -> None:
        super().__init__(recipe)
        self.coarse = coarse.to(memory_format=torch.channels_last)
        self.refiner = refiner.to(memory_format=torch.channels_last)
        self.train_coarse = train_coarse
        self._kept: tuple[list[str], tuple[Tensor, list[Tensor]]] | None = None
        if not train_coarse:
            self.coarse.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "RefinerModule":
        """The coarse branch's batch statistics stay as they are, trained with the refiner or not.

        Here a batch is a few frames: their statistics would make the coarse depth of every step another one, and leave
        averages that no frame is measured with.
        """
        super().train(mode)
        for module in self.coarse.modules():
            if not self.train_coarse or isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def on_fit_start(self) -> None:
        """Lightning leaves the modes as it finds them."""
        self.train()

    def crop(self, depth: Tensor, features: list[Tensor], boxes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """roi(.) of B frames to K boxes each, at the tiles' training size.

        Args:
            depth: (B, 1, h, w) at process size; features: six maps, fine to coarse.
            boxes: (B, K, 4) in fractions of the frame.

        Returns:
            depth (B * K, 1, th, tw) and six features at th / 2^k, tw / 2^k.
        """
        height, width = depth.shape[-2:]
        tile_h, tile_w = self.recipe.tile_size
        flat, count = boxes.flatten(0, 1), boxes.shape[1]

        def roi(feature: Tensor, k: int) -> Tensor:
            feature = resize(feature.float(), (height >> k, width >> k))
            tiles = crop_coarse(feature.repeat_interleave(count, 0), flat, (tile_h >> k, tile_w >> k))
            return tiles.contiguous(memory_format=torch.channels_last)

        return roi(depth, 0), [roi(feature, k) for k, feature in enumerate(features)]

    def _coarse(self, batch: dict[str, Any]) -> tuple[Tensor, list[Tensor]]:
        """Depth and features of a batch's frames; a frozen branch keeps them for the next batch of the same draws."""
        if self.train_coarse:
            return self.coarse(self.images(batch["frame"]))
        draws = batch["draw"]
        if self._kept is None or self._kept[0] != draws:
            with torch.no_grad():
                self._kept = draws, self.coarse(self.images(batch["frame"]))
        return self._kept[1]

    def refine(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Refined depth, roi of the coarse depth, and C2F's own depth, each (B * K, 1, th, tw), metres."""
        coarse_depth, whole = self._coarse(batch)
        depth, features = self.crop(coarse_depth.float(), whole, batch["box"])
        rgb = self.images(batch["rgb"].flatten(0, 1))
        inputs = tile_inputs(self.refiner, coarse_depth.float(), whole, batch["box"])
        residual, auxiliary = self.refiner.forward_with_auxiliary(rgb, depth, features, **inputs)
        return depth + residual.float(), depth, auxiliary.float()

    def losses(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The recipe's losses on the tiles of a batch; where logged, the coarse depth's too (`before_`)."""
        weights, sky = self.recipe.losses, self.recipe.sky_depth_m
        refined, coarse, auxiliary = self.refine(batch)
        tiles = Tiles(self.recipe, batch, self._coarse(batch)[0] if self.recipe.bias_free else None)
        target, sparse = tiles.target, tiles.sparse
        loss, parts = depth_objective(tiles.log_depth(refined), target, sparse, weights, sky_depth_m=sky)
        if weights.get("consistency"):
            parts["consistency"] = tiles.consistency(refined)
            loss = loss + weights["consistency"] * parts["consistency"]
        for name, depth in (("auxiliary", auxiliary), ("coarse", coarse)):
            if weights.get(name) and depth.requires_grad:
                part, _ = depth_objective(tiles.log_depth(depth), target, sparse, weights, sky_depth_m=sky)
                parts[name] = part
                loss = loss + weights[name] * part
        if self.logs_this_step():  # nothing is trained by these
            with torch.no_grad():
                _, before = depth_objective(tiles.log_depth(coarse), target, sparse, weights, sky_depth_m=sky)
            parts |= {f"before_{k}": v for k, v in before.items()}
        return loss, parts

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        loss, parts = self.losses(batch)
        return self.finish_step(loss, parts, batch)

    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        """Coarse depth, and refined depth of the frame as one tile at process size."""
        coarse_depth, features = self.coarse(rgb)
        coarse_depth, features = coarse_depth.float(), [f.float() for f in features]
        box = coarse_depth.new_tensor([0.0, 0.0, 1.0, 1.0]).expand(rgb.shape[0], 1, 4)
        inputs = tile_inputs(self.refiner, coarse_depth, features, box)
        return {"coarse": coarse_depth, "refined": self.refiner.refine(rgb, coarse_depth, features, **inputs)}

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        # of a baseline the fine network, which has been trained as well
        pretrained = self.refiner.fine if hasattr(self.refiner, "fine") else self.refiner.encoder
        coarse = list(self.coarse.parameters()) if self.train_coarse else []
        groups = learning_rates(self.refiner, pretrained, self.recipe.encoder_lr_factor)
        return [*groups, (coarse, self.recipe.coarse_lr_factor)]


class TransferModule(RefinerModule):
    """Scale from sparse real depth, edges from a frozen teacher trained on synthetic scenes (DSD).

    The student starts as a copy of its teacher; the teacher answers on the same tiles.

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
        loss = dsd_loss(
            positive(refined),
            target,
            pseudo=self.pseudo_labels(batch),
            weight=weights.get("detail", 0.8),
            window_px=int(window) if window else None,
            windows=int(weights.get("windows", 100)),
            with_ssi=bool(weights.get("ssi", 0)),
            generator=torch.Generator().manual_seed(self.step_seed),
        )
        return loss, {"dsd": loss}
