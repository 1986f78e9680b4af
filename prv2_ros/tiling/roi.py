# SPDX-License-Identifier: Apache-2.0
"""roi(.): cutting coarse maps to tiles and resampling them (spec of the residual formulation, section 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize
from prv2_ros.tiling.grid import Box


def corners(boxes: list[Box], device: torch.device | str = "cpu") -> Tensor:
    """Boxes as a tensor (N, 4) of float64: left, top, width, height in fractions of the frame."""
    return torch.tensor([[b.x, b.y, b.width, b.height] for b in boxes], dtype=torch.float64).to(device)


def crop_coarse(feature: Tensor, boxes: list[Box] | Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """RoIAlign (aligned, one sample a bin) of boxes of one whole-frame map.

    Output row i of h' samples the map at y = (y0 + bh * (i + 0.5) / h') * h - 0.5, clamped to
    [0, h - 1]; columns alike. Positions and sampling are float32 whatever the map is: a position in bfloat16 would
    be off by up to half a pixel of the map.

    Args:
        feature: (1, C, h, w) or (B, C, h, w) with one box for each.
        boxes: N boxes, or their `corners` on the map's device; N equals B, or B is 1.
        size: output (h', w'); the map's own by default.

    Returns:
        (N, C, h', w') of the map's type.
    """
    height, width = size or feature.shape[-2:]
    boxes = boxes if isinstance(boxes, Tensor) else corners(boxes, feature.device)
    left, top, box_width, box_height = boxes.unbind(1)
    rows = _positions(top, box_height, height)
    columns = _positions(left, box_width, width)
    n = len(boxes)
    grid = torch.stack(
        (columns[:, None, :].expand(n, height, width), rows[:, :, None].expand(n, height, width)), dim=-1
    )
    maps = feature.float().expand(n, -1, -1, -1)
    # Autocast takes the widest type anyway; said here for the CPU, where it does not.
    with torch.autocast(feature.device.type, enabled=False):
        sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    # Tensor cores read channels_last, and one map of another layout in a concatenation turns all of it.
    layout = torch.channels_last if feature.device.type == "cuda" else torch.preserve_format
    return sampled.to(feature.dtype, memory_format=layout)


def _positions(start: Tensor, length: Tensor, size: int) -> Tensor:
    """(N, size) float32 centres of the samples along one axis, the map's ends being -1 and 1."""
    centres = (torch.arange(size, dtype=torch.float64, device=start.device) + 0.5) / size
    return (2 * (start[:, None] + length[:, None] * centres) - 1).float()


class CoarseMaps:
    """The coarse branch's depth and features of one frame, ready to be cut to tiles.

    Features are cut when a batch of tiles is computed, so that they take no more memory than the batch.

    Args:
        depth: (1, 1, h, w), metres.
        features: maps (1, C_k, h_k, w_k), fine to coarse; level k is brought to (h / 2^k, w / 2^k). Empty where the
            refiner wants none.
        grid: rows and columns of tiles.
    """

    def __init__(self, depth: Tensor, features: list[Tensor], grid: tuple[int, int]):
        height, width = depth.shape[-2:]
        self.depth = depth
        self.features = [resize(f, (height >> k, width >> k)) for k, f in enumerate(features)]
        self.grid = grid

    def crop(self, boxes: list[Box] | Tensor) -> tuple[Tensor, list[Tensor]]:
        """Cut to N boxes: depth (N, 1, h, w) and features (N, C_k, h_k, w_k)."""
        return self.crop_depth(boxes), [crop_coarse(feature, boxes) for feature in self.features]

    def crop_depth(self, boxes: list[Box] | Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Depth cut to N boxes: (N, 1, h, w), of the map's own size by default."""
        return crop_coarse(self.depth, boxes, size)
