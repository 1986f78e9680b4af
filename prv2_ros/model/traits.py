# SPDX-License-Identifier: Apache-2.0
"""What tiling has to know about a refiner besides its weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TileTraits:
    """What a refiner requires of its tiles; the defaults are those of PatchRefiner V2.

    Attributes:
        size_multiple: sides of a tile are multiples of it.
        keeps_feature_sizes: coarse maps keep the sizes that the coarse branch gives them, instead of h / 2^k, w / 2^k.
        wants_boxes: the call takes `boxes` (B, 4): left, top, width, height of each tile in fractions of the frame.
        mask_border: share of a tile's side that starts at blending weight 0.
        mask_floor: is added to the blending weight everywhere.
    """

    size_multiple: int = 32
    keeps_feature_sizes: bool = False
    wants_boxes: bool = False
    mask_border: float = 0.15
    mask_floor: float = 0.0
