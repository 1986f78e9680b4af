# SPDX-License-Identifier: Apache-2.0
"""The step that is repeated for every batch of tiles: cut the coarse maps to them, refine them."""

from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.model.traits import TileTraits
from prv2_ros.tiling.roi import crop_coarse, crop_level


class TileStep(nn.Module):
    """A batch of tiles and the frame's coarse maps in, depth of the tiles out.

    It is what a compiler or a CUDA graph takes as a whole: a graph then copies the coarse maps of the frame, not the
    many times larger cuts.

    Args:
        refiner: `refiner.refine(rgb, coarse_depth, coarse_features)` gives the depth of a batch of tiles.
        feature_dtype: type in which it takes the coarse features; None leaves them as they come.
    """

    def __init__(self, refiner: nn.Module, feature_dtype: torch.dtype | None = None):
        super().__init__()
        self.refiner = refiner
        self._feature_dtype = feature_dtype
        self._wants_boxes = getattr(refiner, "traits", TileTraits()).wants_boxes

    def forward(
        self,
        rgb: Tensor,
        boxes: Tensor,
        depth: Tensor,
        features: list[Tensor],
        inputs: dict[str, Any] | None = None,
    ) -> Tensor:
        """Depth of tiles.

        Args:
            rgb: (N, 3, h, w) in [0, 1] at the process size.
            boxes: their `corners` (N, 4).
            depth: (1, 1, h', w') coarse depth of the frame at any size, metres.
            features: the frame's coarse features, see `CoarseMaps`; none for a refiner that reads depth alone.
            inputs: further arguments of the refiner that are the same for all tiles of the frame.

        Returns:
            (N, 1, h, w) float32, metres, never negative.
        """
        coarse_depth = crop_coarse(depth, boxes, tuple(rgb.shape[-2:]))
        # Cast before they are cut: the frame's maps are a fraction of the size of their cuts.
        maps = [feature.to(self._feature_dtype or feature.dtype) for feature in features]
        coarse_features = [crop_level(feature, boxes, depth) for feature in maps]
        more = dict(inputs or {}, boxes=boxes) if self._wants_boxes else (inputs or {})
        return self.refiner.refine(rgb, coarse_depth, coarse_features, **more)
