# SPDX-License-Identifier: Apache-2.0
"""From tiles to frames: grids, rois of coarse maps, blending, and the whole PatchRefiner."""

from prv2_ros.tiling.grid import Box, choose_grid
from prv2_ros.tiling.patch_refiner import PatchRefiner, count_tiles, parse_mode

__all__ = ["Box", "PatchRefiner", "choose_grid", "count_tiles", "parse_mode"]
