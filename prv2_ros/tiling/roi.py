# SPDX-License-Identifier: Apache-2.0
"""roi(.): cutting coarse maps to tiles and resampling them (spec of the residual formulation, section 1)."""

from typing import Any

import torch
from torch import Tensor

from prv2_ros.model.layers import resize
from prv2_ros.model.roi import roi_align, roi_of_level
from prv2_ros.tiling.grid import Box


def corners(boxes: list[Box], device: torch.device | str = "cpu") -> Tensor:
    """Boxes as a tensor (N, 4) of float64: left, top, width, height in fractions of the frame."""
    return torch.tensor([[b.x, b.y, b.width, b.height] for b in boxes], dtype=torch.float64).to(device)


def crop_coarse(feature: Tensor, boxes: list[Box] | Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """RoIAlign (aligned, one sample a bin) of boxes of one whole-frame map, see `roi_align`.

    Args:
        feature: (1, C, h, w) or (B, C, h, w) with one box for each.
        boxes: N boxes, or their `corners` on the map's device; N equals B, or B is 1.
        size: output (h', w'); the map's own by default.

    Returns:
        (N, C, h', w') of the map's type.
    """
    boxes = boxes if isinstance(boxes, Tensor) else corners(boxes, feature.device)
    return roi_align(feature, boxes, tuple(size or feature.shape[-2:]))


def crop_level(feature: Tensor, boxes: list[Box] | Tensor, depth: Tensor) -> Tensor:
    """A frame's feature map of any size cut to N boxes at its own size, see `roi_of_level`.

    Args:
        feature: (1, C, h, w).
        boxes: N boxes, or their `corners` on the map's device.
        depth: (1, 1, H, W) of the same frame.
    """
    boxes = boxes if isinstance(boxes, Tensor) else corners(boxes, feature.device)
    return roi_of_level(feature, boxes, (depth.shape[-2], depth.shape[-1]))


class CoarseMaps:
    """The coarse branch's depth and features of one frame, ready to be cut to tiles.

    Features are cut when a batch of tiles is computed, so that they take no more memory than the batch.

    Args:
        depth: (1, 1, h, w), metres.
        features: maps (1, C_k, h_k, w_k), fine to coarse; level k is brought to (h / 2^k, w / 2^k). Empty where the
            refiner wants none.
        grid: rows and columns of tiles.
        keep_sizes: leave every feature at its own size.
        inputs: further arguments of the refiner that are the same for all tiles of the frame.
    """

    def __init__(
        self,
        depth: Tensor,
        features: list[Tensor],
        grid: tuple[int, int],
        *,
        keep_sizes: bool = False,
        inputs: dict[str, Any] | None = None,
    ):
        height, width = depth.shape[-2:]
        self.depth = depth
        if not keep_sizes:
            features = [resize(f, (height >> k, width >> k)) for k, f in enumerate(features)]
        self.features = features
        self.grid = grid
        self.inputs = inputs or {}

    def crop(self, boxes: list[Box] | Tensor) -> tuple[Tensor, list[Tensor]]:
        """Cut to N boxes: depth (N, 1, h, w) and features (N, C_k, h_k, w_k)."""
        return self.crop_depth(boxes), [crop_level(feature, boxes, self.depth) for feature in self.features]

    def crop_depth(self, boxes: list[Box] | Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Depth cut to N boxes: (N, 1, h, w), of the map's own size by default."""
        return crop_coarse(self.depth, boxes, size)
