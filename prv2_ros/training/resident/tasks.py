# SPDX-License-Identifier: Apache-2.0
"""One step of each network's training on stored frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.errors import DataError
from prv2_ros.model.coarse.efficientnet import LOG_DEPTH_RANGE
from prv2_ros.model.log_refiner import relative_log_depth
from prv2_ros.training.objective import depth_objective
from prv2_ros.training.resident.objectives import error_loss, refining_losses, relative_loss, with_sky, worse_depth
from prv2_ros.training.resident.plan import ResidentPlan
from prv2_ros.training.resident.store import FrameStore
from prv2_ros.training.resident.views import Views, jitter_colour, random_tiles, random_views

QUARTERS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))


def frame_weights(store: FrameStore, sets: list[str | None], weights: dict[str, float]) -> Tensor:
    """(N,) probability of each stored frame: a set by its weight, then its frames evenly.

    Args:
        store: the frames.
        sets: name of each set; None for one that is not drawn from.
        weights: by name; "others" is the weight of each set not named, 0 if absent.

    Raises:
        DataError: no frame has a weight.
    """
    others = weights.get("others", 0.0)
    per_set = torch.tensor([weights.get(n, others) if n else 0.0 for n in sets], device=store.device)
    counts = torch.bincount(store.set_index, minlength=len(sets)).clamp(min=1)
    out = (per_set / counts)[store.set_index]
    if not bool(out.sum() > 0):
        named = ", ".join(name for name in sets if name)
        raise DataError(
            f"no frames to draw: none of the sets {named} has frames and a weight; give packs of sets that the plan "
            "weighs, or let scenes be rendered, which needs OpenGL (EGL) and render_workers above 0"
        )
    return out


def autocast(device: torch.device) -> torch.autocast:
    """bf16 on CUDA; float32 elsewhere, where bf16 has no units on most machines."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def layout(part: str, device: torch.device) -> torch.memory_format:
    """Memory layout of a network ("coarse" or "refiner") and of what it reads.

    Tensor cores read channels_last. On a CPU it pays for the coarse branch alone: on one core a step of it took 0.9 s
    in channels_last and 1.3 s contiguous, a tile of the refiner 2.4 s and 0.9 s.
    """
    return torch.channels_last if device.type == "cuda" or part == "coarse" else torch.contiguous_format


class CoarseTask:
    """Batches and losses of the coarse branch."""

    def __init__(self, model: nn.Module, store: FrameStore, plan: ResidentPlan) -> None:
        self.model, self.store, self.plan = model, store, plan
        self.weights: Tensor | None = None
        height, width = plan.process_size
        self.half = height // 2, width // 2

    def batch(self, frames: Tensor, views: Views, *, antialias: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Colour at process size, canonical depth and relative inverse depth at half of it."""
        store, plan = self.store, self.plan
        focal = store.focal[frames]
        offsets = QUARTERS if antialias else ((0.0, 0.0),)
        rgb = sum(store.rgb(frames, views.places(plan.process_size, focal, offset=o)) for o in offsets) / len(offsets)
        places = views.places(self.half, focal)
        scale = views.canonical_scale(focal, plan.process_size, plan.canonical_focal_px)
        depth = store.depth(frames, places) * scale.view(-1, 1, 1, 1)
        beyond = torch.isfinite(depth) & (depth > plan.max_depth_m)
        return rgb, torch.where(beyond, torch.zeros_like(depth), depth), store.disparity(frames, places)

    def step(self) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch's loss."""
        plan, store = self.plan, self.store
        frames = torch.multinomial(self.weights, plan.coarse_batch, replacement=True)
        antialias = bool(torch.rand(()) < 0.5)
        rgb, depth, disparity = self.batch(frames, random_views(frames), antialias=antialias)
        rgb = jitter_colour(rgb, strength=plan.colour)
        with autocast(store.device):
            log_depth, log_b = self.model.predict(rgb.contiguous(memory_format=layout("coarse", store.device)))
        losses = plan.coarse_losses
        total, parts = depth_objective(log_depth, depth, store.sparse[frames], losses, sky_depth_m=plan.sky_depth_m)
        parts["relative"] = relative_loss(log_depth, disparity, store.has_disparity(frames))
        parts["error"] = error_loss(log_depth, log_b, depth)
        return total + losses["relative"] * parts["relative"] + losses["error"] * parts["error"], parts

    @torch.no_grad()
    def depth_of(self, model: nn.Module, frames: Tensor) -> Tensor:
        """Depth (B, 1, h / 2, w / 2) of whole frames, canonical metres; at a time as many as a batch."""
        out = []
        for part in frames.split(self.plan.coarse_batch):
            views = whole_views(part)
            rgb = self.store.rgb(part, views.places(self.plan.process_size, self.store.focal[part]))
            with autocast(self.store.device):
                log_depth, _ = model.predict(rgb.contiguous(memory_format=layout("coarse", self.store.device)))
            out.append(log_depth.clamp(*LOG_DEPTH_RANGE).exp())
        return torch.cat(out)

    @torch.no_grad()
    def validate(self, model: nn.Module, frames_of: dict[str, Tensor]) -> dict[str, float]:
        """delta1 of each tag's whole frames at half the process size."""
        scores = {}
        for tag, frames in frames_of.items():
            views = whole_views(frames)
            _, depth, _ = self.batch(frames, views, antialias=False)
            known = (depth > 0) & torch.isfinite(depth)
            ratio = (self.depth_of(model, frames) / torch.where(known, depth, torch.ones_like(depth))).log().abs()
            right = ((ratio < 0.22314355) & known).sum((1, 2, 3)) / known.sum((1, 2, 3)).clamp(min=1)
            scores[f"{tag}_delta1"] = float(right[known.any(3).any(2).any(1)].mean())
        return scores


def whole_views(frames: Tensor) -> Views:
    """Views of whole frames, as they are."""
    count, device = len(frames), frames.device
    half = torch.full((count, 2), 0.5, device=device)
    none = torch.zeros(count, device=device)
    return Views(frames, half, half * 2, none > 0, none)


class RefinerTask:
    """Batches and losses of the refiner.

    Args:
        model: the refiner.
        store: frames.
        plan: the run.
        coarse_depth: (K, 1, h, w) canonical depth of the coarse branch, of K frames.
        coarse_row: (N,) the row of each stored frame in it, -1 for none.
    """

    def __init__(
        self, model: nn.Module, store: FrameStore, plan: ResidentPlan, coarse_depth: Tensor, coarse_row: Tensor
    ) -> None:
        self.model, self.store, self.plan = model, store, plan
        self.coarse_depth, self.coarse_row = coarse_depth, coarse_row
        self.weights: Tensor | None = None

    def tiles(
        self, frames: Tensor, views: Views, size: tuple[int, int], beside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colour, target, coarse log depth and the depth of sky, of views of frames.

        Args:
            frames: (B,).
            views: their tiles.
            size: (h, w) of the tiles.
            beside: (B,) bool, take the coarse branch's depth where there is one.
        """
        store, plan = self.store, self.plan
        places = views.places(size, store.focal[frames])
        rgb, depth = store.rgb(frames, places), store.depth(frames, places)
        whole = whole_views(frames)
        scale = whole.canonical_scale(store.focal[frames], plan.process_size, plan.canonical_focal_px)
        depth = depth * scale.view(-1, 1, 1, 1)
        finite = torch.where(torch.isfinite(depth), depth, torch.zeros_like(depth))
        sky = (1.3 * finite.amax((2, 3), keepdim=True)).clamp(min=1.2 * plan.sky_depth_m)
        exact = torch.where(torch.isinf(depth), sky.expand_as(depth), depth)
        unknown = exact <= 0
        middle = finite.sum((2, 3), keepdim=True) / (finite > 0).sum((2, 3), keepdim=True).clamp(min=1)
        worse = worse_depth(torch.where(unknown, middle.clamp(min=0.1).expand_as(exact), exact).log())
        row = self.coarse_row[frames]
        branch = F.grid_sample(
            self.coarse_depth[row.clamp(min=0)].float(), 2 * places - 1, padding_mode="border", align_corners=False
        )
        use = (beside & (row >= 0)).view(-1, 1, 1, 1)
        return rgb, depth, torch.where(use, branch.clamp(min=0.01).log(), worse), sky

    def step(self) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch's loss."""
        plan, store = self.plan, self.store
        frames = torch.multinomial(self.weights, plan.refiner_batch, replacement=True)
        views = random_tiles(frames, store.size_px(frames), plan.tile_size)
        exact = store.exact[frames]
        beside = (torch.rand(len(frames), device=store.device) < plan.beside_branch) | ~exact
        rgb, target, coarse_log, sky = self.tiles(frames, views, plan.tile_size, beside)
        rgb = jitter_colour(rgb, strength=0.8 * plan.colour)
        relative = coarse_log - coarse_log.mean((2, 3), keepdim=True)
        with autocast(store.device):
            residual, auxiliary = self.model(rgb.contiguous(memory_format=layout("refiner", store.device)), relative)
        log_depth, helper = coarse_log + residual.float(), coarse_log + auxiliary.float()
        losses = plan.refiner_losses
        total, parts = refining_losses(log_depth, with_sky(target, log_depth, sky), exact, losses)
        extra, _ = refining_losses(helper, with_sky(target, helper, sky), exact, {**losses, "ssigm": 0.0})
        return total + losses["auxiliary"] * extra, parts

    def loss_of(self, log_depth: Tensor, target: Tensor, sky: Tensor) -> dict[str, float]:
        """L1 and gradient loss of log depth on exact tiles."""
        exact = torch.ones(len(log_depth), dtype=torch.bool, device=log_depth.device)
        _, parts = refining_losses(log_depth, with_sky(target, log_depth, sky), exact, {"log_l1": 1.0, "gradient": 1.0})
        return {"l1": float(parts["log_l1"]), "gradient": float(parts["gradient"])}


def refined_log_depth(model: nn.Module, rgb: Tensor, coarse_log: Tensor) -> Tensor:
    """Log depth that a refiner gives of tiles (B, 3, h, w) beside coarse log depth (B, 1, h, w)."""
    with autocast(rgb.device):
        _, relative = relative_log_depth(coarse_log.exp())
        residual, _ = model(rgb.contiguous(memory_format=layout("refiner", rgb.device)), relative)
    return coarse_log + residual.float()
