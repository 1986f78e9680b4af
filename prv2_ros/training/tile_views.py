# SPDX-License-Identifier: Apache-2.0
"""Where a frame's training tiles lie, and what they show: tiles on their own, or four that overlap."""

from collections.abc import Iterator

import numpy as np

from prv2_ros.data import Sample
from prv2_ros.data.augment import View, render_view
from prv2_ros.training.losses.grouped import SIDES, group_places, group_size
from prv2_ros.training.recipe import Recipe

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


TILES_OF_A_GROUP = SIDES * SIDES
