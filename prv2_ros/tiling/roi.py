# SPDX-License-Identifier: Apache-2.0
"""roi(.): cutting coarse maps to tiles and resampling them (spec of the residual formulation, section 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize
from prv2_ros.tiling.grid import Box


def crop_coarse(feature: Tensor, boxes: list[Box], size: tuple[int, int] | None = None) -> Tensor:
    """RoIAlign (aligned, one sample a bin) of boxes of one whole-frame map.

    Output row i of h' samples the map at y = (y0 + bh * (i + 0.5) / h') * h - 0.5, clamped to
    [0, h - 1]; columns alike.

    Args:
        feature: (1, C, h, w) or (B, C, h, w) with one box for each.
        boxes: N boxes; N equals B, or B is 1.
        size: output (h', w'); the map's own by default.

    Returns:
        (N, C, h', w').
    """
    height, width = size or feature.shape[-2:]
    x0, y0, bw, bh = torch.tensor([[b.x, b.y, b.width, b.height] for b in boxes], dtype=torch.float64).unbind(1)
    rows = y0[:, None] + bh[:, None] * (torch.arange(height, dtype=torch.float64) + 0.5) / height
    columns = x0[:, None] + bw[:, None] * (torch.arange(width, dtype=torch.float64) + 0.5) / width
    n = len(boxes)
    grid = torch.stack(
        (columns[:, None, :].expand(n, height, width), rows[:, :, None].expand(n, height, width)), dim=-1
    )
    grid = (2 * grid - 1).to(feature)
    feature = feature.expand(n, -1, -1, -1)
    return F.grid_sample(feature, grid, mode="bilinear", padding_mode="border", align_corners=False)


class CoarseMaps:
    """The coarse branch's depth and features of one frame, ready to be cut to tiles.

    On the regular grid and its half-tile shifts roi(.) is a slice of the whole map upsampled by the
    number of tiles, so each map is resampled once a frame, on first use. Other boxes use the formula.

    Args:
        depth: (1, 1, h, w), metres.
        features: six maps (1, C_k, h_k, w_k), fine to coarse; level k is brought to (h / 2^k, w / 2^k). None for a
            refiner that reads coarse depth alone.
        grid: rows and columns of tiles.
    """

    def __init__(self, depth: Tensor, features: list[Tensor], grid: tuple[int, int]):
        height, width = depth.shape[-2:]
        self.depth = depth
        self.features = [resize(f, (height >> k, width >> k)) for k, f in enumerate(features)]
        self.grid = grid
        self._upsampled: dict[int, Tensor] = {}

    def crop(self, boxes: list[Box]) -> tuple[Tensor, list[Tensor]]:
        """Cut to N boxes: depth (N, 1, h, w) and six features (N, C_k, h_k, w_k)."""
        return self.crop_depth(boxes), [self.crop_feature(k, boxes) for k in range(len(self.features))]

    def crop_depth(self, boxes: list[Box]) -> Tensor:
        """Depth cut to N boxes: (N, 1, h, w)."""
        return self._crop(-1, self.depth, boxes)

    def crop_feature(self, level: int, boxes: list[Box]) -> Tensor:
        """One level's feature cut to N boxes: (N, C_k, h_k, w_k)."""
        return self._crop(level, self.features[level], boxes)

    def _crop(self, key: int, m: Tensor, boxes: list[Box]) -> Tensor:
        if not all(self._on_grid(box) for box in boxes):
            return crop_coarse(m, boxes)
        if key not in self._upsampled:
            self._upsampled[key] = self._upsample(m)
        upsampled = self._upsampled[key]
        return torch.cat([upsampled[(..., *box.pixels(*upsampled.shape[-2:]))] for box in boxes])

    def _upsample(self, m: Tensor) -> Tensor:
        rows, columns = self.grid
        size = (m.shape[-2] * rows, m.shape[-1] * columns)
        return m if self.grid == (1, 1) else F.interpolate(m, size=size, mode="bilinear", align_corners=False)

    def _on_grid(self, box: Box) -> bool:
        """Whether the box is a grid tile, or one shifted by half tiles, that lies on every level's pixels."""
        rows, columns = self.grid
        level5 = self.depth.shape[-2] >> 5, self.depth.shape[-1] >> 5
        offsets = (box.y * rows * level5[0], box.x * columns * level5[1])
        sizes = (box.height * rows, box.width * columns)
        return all(abs(v - round(v)) < 1e-6 for v in offsets) and all(abs(s - 1) < 1e-6 for s in sizes)
