# SPDX-License-Identifier: Apache-2.0
"""PatchRefiner V2 on a whole frame: coarse branch once, refiner on tiles, assembly (paper, section 3.1)."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import resize
from prv2_ros.model.traits import TileTraits
from prv2_ros.tiling.blend import Canvas, mosaic
from prv2_ros.tiling.grid import Box, blended_boxes, random_boxes, regular_boxes, tiled_size
from prv2_ros.tiling.masks import tile_mask
from prv2_ros.tiling.roi import CoarseMaps, corners
from prv2_ros.tiling.tile_step import TileStep

Stage = Callable[[str], AbstractContextManager]
CoarseRun = Callable[[Tensor], tuple[Any, ...]]  # depth, features, and more
TileRun = Callable[..., Tensor]
RANDOM_FLOOR = 1e-3  # a random tile's weight everywhere, so that it counts at its border too


class PatchRefiner(nn.Module):
    """Metric depth of frames of any size.

    Args:
        coarse: `coarse(rgb (1, 3, h, w))` gives depth (1, 1, h, w) and six features, fine to coarse; what else it
            gives is not read. One whose
            `whole_frame` is true gets the frame as it is, not at the process size, and may give depth of any size.
        refiner: `refiner.refine(rgb, coarse_depth, coarse_features)` gives the depth of a batch of tiles.
        process_size: (h, w) that the frame and each tile are resized to.
        grid: (rows, columns) of tiles.
        tile_batch: how many tiles go through the refiner at once, see `batch_sizes`.

    Attributes:
        run_coarse, run_tiles: what computes the coarse branch and a batch of tiles: the network's own modules, or
            something faster that takes and gives the same (see `TileStep`).
    """

    def __init__(
        self,
        coarse: nn.Module,
        refiner: nn.Module,
        process_size: tuple[int, int] = (384, 512),
        grid: tuple[int, int] = (4, 4),
        *,
        tile_batch: int = 4,
    ):
        super().__init__()
        self.traits: TileTraits = getattr(refiner, "traits", TileTraits())
        multiple = self.traits.size_multiple
        if process_size[0] % multiple or process_size[1] % multiple:
            raise ValueError(f"process size {process_size} is not a multiple of {multiple} in both directions")
        if min(grid) < 1:
            raise ValueError(f"grid {grid} needs at least one row and one column")
        self.coarse = coarse
        self.refiner = refiner
        self.process_size = tuple(process_size)
        self.grid = tuple(grid)
        self.tile_batch = tile_batch
        self.run_by(coarse=coarse, tiles=TileStep(refiner))

    def run_by(self, *, coarse: CoarseRun | None = None, tiles: TileRun | None = None) -> None:
        """Let something else compute what the network's own modules do; None leaves that part as it is."""
        # Past torch's registration: these are no further modules with weights of their own.
        for name, run in (("run_coarse", coarse), ("run_tiles", tiles)):
            if run is not None:
                self.__dict__[name] = run

    @contextmanager
    def coarse_by(self, coarse: CoarseRun | None) -> Iterator[None]:
        """For a while let something else give the coarse depth; None leaves it as it is."""
        before = self.run_coarse
        self.run_by(coarse=coarse)
        try:
            yield
        finally:
            self.run_by(coarse=before)

    def forward(
        self,
        frame: Tensor,
        mode: str = "p16",
        assemble: str = "input",
        *,
        grid: tuple[int, int] | None = None,
        seed: int = 0,
        stage: Stage = lambda name: nullcontext(),
    ) -> Tensor:
        """Depth of one frame.

        Args:
            frame: (1, 3, H, W) in [0, 1]; any size with at least one pixel a tile.
            mode: "p16", the grid without blending; "p49", with the three half-tile-shifted grids
                blended in; "r<n>", P49 with n random tiles more.
            assemble: "input" gives the frame's own size; "process" the reference's, a process size a tile.
            grid: overrides the constructor's grid for this frame.
            seed: of the random tiles.
            stage: called with "coarse", "tiles" and "assemble"; gives a context that times what runs in it.

        Returns:
            depth (1, 1, H, W), or (1, 1, rows * h, columns * w), in metres, never negative.

        Raises:
            ValueError: shape, mode or assembly is none of the above.
        """
        random_count = parse_mode(mode)
        if assemble not in ("input", "process"):
            raise ValueError(f"unknown assembly '{assemble}': choose input or process")
        if frame.ndim != 4 or frame.shape[:2] != (1, 3):
            raise ValueError(f"frame is {tuple(frame.shape)}, expected (1, 3, H, W)")
        grid = grid or self.grid
        height, width = frame.shape[-2:]
        if height < grid[0] or width < grid[1]:
            raise ValueError(f"frame of {height}x{width} pixels cannot be cut into {grid[0]}x{grid[1]} tiles")
        with stage("coarse"):
            maps = self.coarse_maps(frame, grid)
            # No pixel may be left without depth: a frame that the grid does not divide is stretched to fit.
            frame = resize(frame, tiled_size(height, width, grid, halves=random_count is not None))
        with stage("tiles"):
            tiles = self.refine(frame, maps, regular_boxes(grid))
        if random_count is None:
            with stage("assemble"):
                depth = mosaic(tiles, grid)
        else:
            depth = self._blended(frame, maps, tiles, random_count, seed, stage)
        size = (height, width) if assemble == "input" else _process_canvas(grid, self.process_size)
        with stage("assemble"):
            depth = depth[None, None]
            if tuple(depth.shape[-2:]) != size:
                depth = F.interpolate(depth, size=size, mode="bilinear", align_corners=False)
        return depth

    def coarse_maps(self, frame: Tensor, grid: tuple[int, int]) -> CoarseMaps:
        """Run the coarse branch on the whole frame (1, 3, H, W)."""
        whole = getattr(self.coarse, "whole_frame", False)
        depth, features, *_ = self.run_coarse(frame if whole else resize(frame, self.process_size))
        depth = depth.float()
        # Features are not resampled for a refiner that reads depth alone.
        wanted = getattr(self.refiner, "coarse_channels", None) != ()
        keep_sizes, inputs = self.traits.keeps_feature_sizes, self.frame_inputs(depth, features)
        return CoarseMaps(depth, features if wanted else [], grid, keep_sizes=keep_sizes, inputs=inputs)

    def frame_inputs(self, depth: Tensor, features: list[Tensor]) -> dict[str, Any]:
        """What the refiner computes once a frame from the whole coarse maps and takes with every batch of tiles."""
        make = getattr(self.refiner, "frame_inputs", None)
        return make(depth, features) if make else {}

    def refine(self, frame: Tensor, maps: CoarseMaps, boxes: list[Box]) -> Tensor:
        """Depth of tiles.

        Args:
            frame: (1, 3, H, W), on whose pixels the boxes lie.
            maps: the coarse maps of the same frame.
            boxes: N tiles of one size.

        Returns:
            (N, h, w) at the process size, metres.
        """
        depths, start = [], 0
        for size in batch_sizes(len(boxes), self.tile_batch):
            batch = boxes[start : start + size]
            rgb = torch.cat([frame[(..., *box.pixels(*frame.shape[-2:]))] for box in batch])
            tiles, inputs = resize(rgb, self.process_size), [maps.inputs] if maps.inputs else []
            depths.append(self.run_tiles(tiles, corners(batch, frame.device), maps.depth, maps.features, *inputs))
            start += size
        return torch.cat(depths)[:, 0]

    def _blended(
        self, frame: Tensor, maps: CoarseMaps, tiles: Tensor, random_count: int, seed: int, stage: Stage
    ) -> Tensor:
        """P49, and R-n where random_count is not 0: (H', W') depth."""
        grid = maps.grid
        border, floor = self.traits.mask_border, self.traits.mask_floor
        mask = tile_mask(*self.process_size, tiles.device, border=border, floor=floor)
        canvas = Canvas(mosaic(tiles, grid), mosaic(mask.expand_as(tiles), grid).clone())
        boxes = blended_boxes(grid)
        with stage("tiles"):
            shifted = self.refine(frame, maps, boxes) if boxes else []
        with stage("assemble"):
            for box, tile in zip(boxes, shifted):
                canvas.blend(box, tile, mask)
        if not random_count:
            return canvas.depth
        size = tuple(frame.shape[-2:])
        raw_tile = (size[0] // grid[0], size[1] // grid[1])
        boxes = random_boxes(random_count, size, grid, seed=seed)
        with stage("tiles"):
            tiles = self.refine(frame, maps, boxes)
        with stage("assemble"):
            canvas = Canvas(*(resize(m[None, None], size)[0, 0].clone() for m in (canvas.depth, canvas.weight)))
            mask = tile_mask(*raw_tile, tiles.device, border=border, floor=RANDOM_FLOOR)
            for box, tile in zip(boxes, tiles):
                canvas.blend(box, resize(tile[None, None], raw_tile)[0, 0], mask)
        return canvas.depth


def parse_mode(mode: str) -> int | None:
    """None for P16, 0 for P49, n for R-n.

    Raises:
        ValueError: the mode is none of them.
    """
    if mode == "p16":
        return None
    if mode == "p49":
        return 0
    if re.fullmatch(r"r[1-9]\d*", mode):
        return int(mode[1:])
    raise ValueError(f"unknown mode '{mode}': choose p16, p49, or r<n> such as r128")


def count_tiles(mode: str, grid: tuple[int, int]) -> int:
    """How many tiles a frame of that mode and grid costs; errors as `parse_mode`."""
    random_count = parse_mode(mode)
    regular = grid[0] * grid[1]
    return regular if random_count is None else regular + len(blended_boxes(grid)) + random_count


def batch_sizes(tiles: int, most: int) -> list[int]:
    """Batch sizes for a number of tiles: as many of the largest as fit, and powers of two for the rest.

    Whatever the number of tiles, few sizes occur, so that few kernels are compiled and few graphs captured, and no
    tile is computed for nothing.
    """
    sizes = [most] * (tiles // most)
    left = tiles % most
    while left:
        sizes.append(1 << (left.bit_length() - 1))
        left -= sizes[-1]
    return sizes


def _process_canvas(grid: tuple[int, int], process_size: tuple[int, int]) -> tuple[int, int]:
    return grid[0] * process_size[0], grid[1] * process_size[1]
