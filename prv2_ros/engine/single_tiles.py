# SPDX-License-Identifier: Apache-2.0
"""Depth of single tiles before any assembly, to measure how well they agree where they overlap."""

import torch
from torch import Tensor

from prv2_ros.engine.engine import DepthEngine
from prv2_ros.engine.inputs import Focal, Picture, to_frame
from prv2_ros.model.layers import resize
from prv2_ros.tiling.grid import Box, choose_grid, tiled_size


@torch.inference_mode()
def tile_depths(
    engine: DepthEngine,
    rgb: Picture,
    boxes: list[Box],
    focal_px: Focal = None,
    *,
    grid: tuple[int, int] | None = None,
) -> Tensor:
    """Depth of tiles as the network draws it.

    Args:
        engine: the network and where it runs.
        rgb: (H, W, 3) uint8.
        boxes: tiles of the grid, or shifted from it by half a tile.
        focal_px: as calling the engine.
        grid: (rows, columns) that the boxes belong to; by default the one that calling takes.

    Returns:
        (N, h, w) float32 at the process size, metres, on the engine's device; errors as calling.
    """
    scale = engine.focal_scale(rgb, focal_px)
    grid = grid or engine.grid or choose_grid(*rgb.shape[:2])
    frame = to_frame(rgb, engine.device)
    with engine.autocast():
        maps = engine.model.coarse_maps(frame, grid)
        frame = resize(frame, tiled_size(*rgb.shape[:2], grid, halves=True))
        return engine.model.refine(frame, maps, boxes) * scale
