# SPDX-License-Identifier: Apache-2.0
"""Tiles in training: where they lie, what they show, what the refiner is handed, what its depth is compared with."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from prv2_ros.data import Sample
from prv2_ros.data.augment import View, render_view
from prv2_ros.model.roi import roi_align
from prv2_ros.model.traits import TileTraits
from prv2_ros.training.losses.pro import SIDES, bias_free_mask, group_consistency, group_places, group_size, merge_group
from prv2_ros.training.recipe import Recipe

TILES_OF_A_GROUP = SIDES * SIDES
NEAREST_M = 0.05

TileView = tuple[np.ndarray, np.ndarray, tuple[float, float, float, float]]
"""Picture (th, tw, 3) uint8, depth (th, tw) metres, and (x, y, width, height) in fractions of the view."""


def single_tile(
    sample: Sample, view: View, recipe: Recipe, grid: tuple[float, float], rng: np.random.Generator
) -> TileView:
    """A tile anywhere in the view, at the scale of a grid's tiles."""
    width, height = _tile_share(recipe, grid, rng)
    width, height = min(1.0, width), min(1.0, height)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    box = (x, y, width, height)
    return (*render_view(sample, _inside(view, box), (recipe.tile_size[0], recipe.tile_size[1])), box)


def grouped_tiles(
    sample: Sample, view: View, recipe: Recipe, grid: tuple[float, float], rng: np.random.Generator
) -> Iterator[TileView]:
    """Four tiles that overlap, cut from one picture of their group, so that they show the same where they do."""
    tile, overlap = (recipe.tile_size[0], recipe.tile_size[1]), overlap_px(recipe)
    size = group_size(tile, overlap)
    width, height = _tile_share(recipe, grid, rng)
    reach_x, reach_y = size[1] / tile[1], size[0] / tile[0]
    width, height = min(1 / reach_x, width), min(1 / reach_y, height)
    x, y = rng.uniform(0, 1 - width * reach_x), rng.uniform(0, 1 - height * reach_y)
    rgb, depth = render_view(sample, _inside(view, (x, y, width * reach_x, height * reach_y)), size)
    for rows, columns in group_places(tile, overlap):
        box = (x + width * columns.start / tile[1], y + height * rows.start / tile[0], width, height)
        yield rgb[rows, columns], depth[rows, columns], box


def overlap_px(recipe: Recipe) -> tuple[int, int]:
    """Rows and columns that neighbouring tiles of a group share."""
    return tuple(max(1, round(recipe.group_overlap * side)) for side in recipe.tile_size)


def _tile_share(recipe: Recipe, grid: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    """Width and height of a tile in fractions of the view, at about the scale of the grid's tiles."""
    zoom = np.exp(rng.uniform(-0.1, 0.1))
    (process_h, process_w), (tile_h, tile_w) = recipe.process_size, recipe.tile_size
    return tile_w / process_w / grid[1] * zoom, tile_h / process_h / grid[0] * zoom


def _inside(view: View, box: tuple[float, float, float, float]) -> View:
    """A box in the view's own (flipped) fractions as a view in frame pixels."""
    x, y, width, height = box
    left = 1 - x - width if view.flip else x
    frame_x, frame_y, frame_w, frame_h = view.box
    return View((frame_x + left * frame_w, frame_y + y * frame_h, width * frame_w, height * frame_h), view.flip)


def positive(depth: Tensor) -> Tensor:
    """clamp(depth, min=NEAREST_M) whose gradient also passes below it, so that every pixel keeps learning."""
    return depth + (depth.clamp(min=NEAREST_M) - depth).detach()


def tile_inputs(refiner: nn.Module, depth: Tensor, features: list[Tensor], boxes: Tensor) -> dict[str, Any]:
    """Further arguments of the refiner for K tiles of each of B frames.

    Args:
        refiner: its `frame_inputs` and traits say what it takes.
        depth: (B, 1, h, w), whole frames; features: six whole maps of them.
        boxes: (B, K, 4).
    """
    make = getattr(refiner, "frame_inputs", None)
    inputs = make(depth, features) if make else {}
    inputs = tree_map(lambda value: value.repeat_interleave(boxes.shape[1], 0), inputs)
    if getattr(refiner, "traits", TileTraits()).wants_boxes:
        inputs["boxes"] = boxes.flatten(0, 1)
    return inputs


class Tiles:
    """The truth of a batch of tiles, and their depth in the same form: tile by tile, or merged in groups of four.

    Args:
        recipe: the run.
        batch: of `RefinerTiles`.
        coarse_depth: (B, 1, h, w) of the whole frames, for the bias-free mask; None without one.

    Attributes:
        target: (N, 1, H, W) canonical metres, 0 where nothing is trained on; N tiles, or groups.
        sparse: (N,) bool.
    """

    def __init__(self, recipe: Recipe, batch: dict[str, Any], coarse_depth: Tensor | None):
        self._overlap = overlap_px(recipe) if recipe.group_overlap else None
        truth = batch["depth"].flatten(0, 1)
        if coarse_depth is not None:
            mask = trained_on(coarse_depth.detach().float(), batch["frame_depth"])
            trained = roi_of_mask(mask, batch["box"], (truth.shape[-2], truth.shape[-1]))
            truth = torch.where(trained, truth, torch.zeros_like(truth))
        self._known = (truth > 0) & torch.isfinite(truth)
        self.target = self._merge_truth(truth)
        self.sparse = batch["sparse"].repeat_interleave(len(self.target) // len(batch["sparse"]))

    def log_depth(self, depth: Tensor) -> Tensor:
        """Log of tiles' depth (B * K, 1, th, tw), in the form of the target."""
        log_depth = positive(depth).log()
        return log_depth if self._overlap is None else merge_group(self._groups(log_depth), self._overlap)

    def consistency(self, depth: Tensor) -> Tensor:
        """How far the tiles of a group disagree in log depth where truth is known, see `group_consistency`."""
        tiles = self._groups(positive(depth).log())
        return group_consistency(tiles, self._overlap, self._groups(self._known))

    def _groups(self, tiles: Tensor) -> Tensor:
        return tiles.unflatten(0, (-1, TILES_OF_A_GROUP))

    def _merge_truth(self, truth: Tensor) -> Tensor:
        """Tiles of a group show the same where they overlap: what those of them say that know."""
        if self._overlap is None:
            return truth
        known = merge_group(self._groups(self._known.to(truth.dtype)), self._overlap)
        total = merge_group(self._groups(torch.where(self._known, truth, torch.zeros_like(truth))), self._overlap)
        sky = merge_group(self._groups(torch.isinf(truth).to(truth.dtype)), self._overlap) > 0
        merged = torch.where(known > 0, total / known.clamp(min=1e-3), torch.zeros_like(total))
        return torch.where(sky, torch.full_like(merged, torch.inf), merged)


def trained_on(coarse_depth: Tensor, truth: Tensor) -> Tensor:
    """PRO's bias-free mask of whole frames (B, 1, h, w) from depth in metres, 0 = unknown and inf = sky."""
    known = truth > 0
    inverse = torch.where(known, 1 / truth.clamp(min=NEAREST_M), torch.zeros_like(truth))
    return bias_free_mask(1 / coarse_depth.clamp(min=NEAREST_M), inverse, known)


def roi_of_mask(mask: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """A frame's mask (B, 1, h, w) cut to K tiles of each frame: (B * K, 1, *size) bool."""
    count = boxes.shape[1]
    return roi_align(mask.float().repeat_interleave(count, 0), boxes.flatten(0, 1), size) > 0.5
