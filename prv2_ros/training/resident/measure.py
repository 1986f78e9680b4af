# SPDX-License-Identifier: Apache-2.0
"""Edges and errors of a refiner on fixed tiles, while it trains."""

import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.training.resident.tasks import RefinerTask, refined_log_depth
from prv2_ros.training.resident.views import Views

TILES = 32
FARTHEST_M = 80.0  # as the boundary metric's range

Tiles = dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]


def validation_tiles(task: RefinerTask, frames: Tensor) -> Tiles:
    """Tiles at process size beside the coarse branch ("branch") and beside exact depth made worse ("worse").

    Args:
        task: whose plan and coarse depth are taken.
        frames: (N,) indices of frames to cut them from; without any there are no tiles.

    Returns:
        colour, target, coarse log depth and the depth of sky, as `RefinerTask.tiles`.
    """
    if not len(frames):
        return {}
    generator, device = torch.Generator().manual_seed(7), frames.device
    frames = frames.repeat(TILES // len(frames) + 1)[:TILES]
    size_px = task.store.size_px(frames)
    height, width = task.plan.process_size
    size = torch.stack((1.25 * width / size_px[:, 1], height / size_px[:, 0]), 1).clamp(max=1)
    place = torch.rand(len(frames), 2, generator=generator).to(device)
    none = torch.zeros(len(frames), device=device)
    views = Views(frames, size / 2 + place * (1 - size), size, none > 0, none)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(7)
        return {
            name: task.tiles(frames, views, task.plan.process_size, (none if name == "worse" else none + 1) > 0)
            for name in ("branch", "worse")
        }


@torch.no_grad()
def measure_tiles(model: nn.Module, task: RefinerTask, tiles: Tiles) -> dict[str, float]:
    """Boundary F1, L1 and gradient loss of log depth on fixed tiles, before and after refining."""
    scores: dict[str, float] = {}
    for name, (rgb, target, coarse_log, sky) in tiles.items():
        refined = torch.cat(
            [refined_log_depth(model, r, c) for r, c in zip(rgb.split(8), coarse_log.split(8), strict=True)]
        )
        for what, log_depth in (("coarse", coarse_log), ("refined", refined)):
            truth = target[:, 0].cpu().numpy()
            f1 = [
                boundary_metrics(d, t)["f1"]
                for d, t in zip(log_depth.exp()[:, 0].cpu().numpy(), truth, strict=True)
                if (np.isfinite(t) & (t > 0) & (t < FARTHEST_M)).any()
            ]
            losses = task.loss_of(log_depth, target, sky)
            scores |= {f"{name}_{what}_f1": float(np.mean(f1))} | {f"{name}_{what}_{k}": v for k, v in losses.items()}
    return scores
