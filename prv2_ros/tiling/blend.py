# SPDX-License-Identifier: Apache-2.0
"""Running weighted average of overlapping tiles (spec of P49 and R-n)."""

import torch
from torch import Tensor

from prv2_ros.tiling.grid import Box


class Canvas:
    """Depth D and accumulated weight A of a frame under assembly.

    Args:
        depth: (H, W), the start, metres.
        weight: (H, W), the weight that the start already has.
    """

    def __init__(self, depth: Tensor, weight: Tensor):
        self.depth = depth
        self.weight = weight

    def blend(self, box: Box, tile: Tensor, mask: Tensor) -> None:
        """D = (D A + d w) / (A + w), A = A + w, inside the box and only where w > 0.

        Args:
            box: where the tile lies.
            tile: (h, w) depth d, metres, of the box's size in pixels.
            mask: (h, w) weight w.
        """
        where = box.pixels(*self.depth.shape)
        depth, weight = self.depth[where], self.weight[where]
        total = weight + mask
        average = (depth * weight + tile * mask) / total.clamp(min=torch.finfo(total.dtype).tiny)
        self.depth[where] = torch.where(mask > 0, average, depth)
        self.weight[where] = total


def mosaic(tiles: Tensor, grid: tuple[int, int]) -> Tensor:
    """Place a grid's tiles as they are: (rows * columns, h, w) in reading order to (rows * h, columns * w)."""
    rows, columns = grid
    height, width = tiles.shape[-2:]
    return tiles.reshape(rows, columns, height, width).permute(0, 2, 1, 3).reshape(rows * height, columns * width)
