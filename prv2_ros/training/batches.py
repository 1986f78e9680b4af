# SPDX-License-Identifier: Apache-2.0
"""From data sets to training batches; every item depends on (seed, index) alone."""

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from prv2_ros.data import FrameSet, Mixture, Sample, open_dataset
from prv2_ros.data.augment import View, jitter_colour, random_view, render_view
from prv2_ros.data.registry import BAG_SUFFIXES
from prv2_ros.errors import DataError
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.tiles import grouped_tiles, single_tile

RAW_TILE_PX = (540, 960)  # of a frame, as in the paper
FINEST = 1.25  # process pixels a stored pixel, at the finest

Item = dict[str, torch.Tensor | str]


def _set_folders(root: Path, pattern: str) -> list[Path]:
    """Folder data sets and bags inside `root` that match, or `root` itself where it is one data set."""
    marks = ("meta.json", "metadata.yaml", *(f"*{suffix}" for suffix in BAG_SUFFIXES))
    inside = {p.parent for mark in marks for p in root.glob(f"*/{mark}")}
    if inside and not (root / "meta.json").exists():
        return sorted(p for p in inside if fnmatch(p.name, pattern))
    return [root] if root.exists() else []


def open_sets(recipe: Recipe, entries: list[dict]) -> tuple[list[FrameSet], list[float], list[str]]:
    """Open what the entries of a recipe name.

    An entry whose pattern matches several sets shares its weight among them by their frames.

    Returns:
        Data sets, weights and tags, one each.

    Raises:
        DataError: a root is not given, or an entry that is not marked `optional` matches nothing.
    """
    datasets, weights, tags = [], [], []
    for entry in entries:
        if entry["root"] not in recipe.roots:
            raise DataError(f"recipe names root '{entry['root']}': give its folder, --set roots.{entry['root']}=FOLDER")
        root = Path(recipe.roots[entry["root"]])
        opened = []
        for folder in _set_folders(root, entry.get("name", "*")):
            dataset = open_dataset(
                folder, entry.get("split"), include=entry.get("include", ("*",)), exclude=entry.get("exclude", ())
            )
            if len(dataset):
                opened.append(dataset)
        if not opened and not entry.get("optional", False):
            raise DataError(f"no frame in {root} for {entry}")
        frames = sum(len(d) for d in opened)
        datasets += opened
        weights += [float(entry.get("weight", 1.0)) * len(d) / frames for d in opened]
        tags += [str(entry.get("tag", entry["root"]))] * len(opened)
    return datasets, weights, tags


def _to_tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def canonical_target(depth_m: np.ndarray, scale: float, recipe: Recipe) -> torch.Tensor:
    """(1, H, W) float32 canonical metres: 0 = no target, as beyond the range; inf = sky."""
    out = depth_m * np.float32(scale)
    out[depth_m < recipe.min_depth_m] = 0.0
    out[np.isfinite(depth_m) & (depth_m > recipe.max_depth_m)] = 0.0
    return torch.from_numpy(out)[None]


class CoarseViews(Dataset):
    """Random views, each a whole picture to the network.

    Args:
        mixture: where frames come from.
        recipe: the run.
        size: (H, W) of the views; half the process size if None.
    """

    def __init__(self, mixture: Mixture, recipe: Recipe, *, size: tuple[int, int] | None = None) -> None:
        self.mixture, self.recipe = mixture, recipe
        self.size = size or (recipe.process_size[0] // 2, recipe.process_size[1] // 2)

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.batch_size

    def __getitem__(self, index: int) -> Item:
        sample, rng = self.mixture.draw(index)
        view = random_view(sample.size, rng, **self.recipe.view)
        rgb, depth = render_view(sample, view, self.size, antialias=rng.random() < 0.5)
        rgb = jitter_colour(rgb, rng, strength=self.recipe.colour)
        scale = _canonical(view, sample, self.recipe)
        return {
            "rgb": _to_tensor(rgb),
            "depth": canonical_target(depth, scale, self.recipe),
            "sparse": torch.tensor(sample.sparse),
        }


def _canonical(view: View, sample: Sample, recipe: Recipe) -> float:
    return view.canonical_scale(sample.focal_px, recipe.process_size, recipe.canonical_focal_px)


def random_grid(sample: Sample, view: View, process_size: list[int], rng: np.random.Generator) -> tuple[float, float]:
    """Tiles (down, across) of a view: between what the engine takes for it and what its pixels still fill.

    A view of 1080p is a 2 x 2 frame to the engine, but its pixels carry a tile at the scale of a 4K frame's
    4 x 4 nearly as well, and such frames are what is rendered most. With the paper's 540 x 960 raw
    pixels a tile, each process pixel is 1.4 to 1.9 raw ones.
    """
    least = [max(1, round(side / tile)) for side, tile in zip(sample.size, RAW_TILE_PX)]
    shares = view.box[3] / sample.size[0], view.box[2] / sample.size[1]
    most = view.box[3] / process_size[0] * FINEST, view.box[2] / process_size[1] * FINEST
    place = rng.random()
    rows, columns = (
        float(np.exp((1 - place) * np.log(a) + place * np.log(max(a, b))))
        for a, b in ((max(1.0, n * s), m) for n, s, m in zip(least, shares, most, strict=True))
    )
    return rows, columns


class RefinerTiles(Dataset):
    """A frame at process size for the coarse branch, and random tiles of it at process scale.

    Items: frame (3, h, w) uint8, rgb (K, 3, th, tw) uint8, depth (K, 1, th, tw) canonical metres of the frame's
    camera, box (K, 4) float32 (x, y, width, height in fractions of the frame), sparse, draw (the frame's, counted);
    with `bias_free` also frame_depth (1, h, w) as depth.

    With the recipe's `steps_per_draw` of n, n batches in a row hold the same frames, seen the same way, each time with
    other tiles: a frozen coarse branch need run for the first of them only.
    """

    def __init__(self, mixture: Mixture, recipe: Recipe) -> None:
        self.mixture, self.recipe = mixture, recipe

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.batch_size

    def __getitem__(self, index: int) -> Item:
        recipe = self.recipe
        draw, turn = self._draw_and_turn(index)
        sample, rng = self.mixture.draw(draw)
        view = random_view(sample.size, rng, **recipe.view)
        # Tiles are boxes of the frame: a rotated frame would need rotated boxes.
        view = View(view.box, view.flip, 0.0)
        colour_seed = int(rng.integers(2**31))
        frame, frame_depth = render_view(sample, view, (recipe.process_size[0], recipe.process_size[1]))
        scale = _canonical(view, sample, recipe)
        if turn:
            rng = np.random.default_rng((recipe.seed, draw, turn))
        tiles = []
        for _ in range(1 if recipe.group_overlap else recipe.tiles_per_frame):
            grid = recipe.grid or random_grid(sample, view, recipe.process_size, rng)
            if recipe.group_overlap:
                tiles += grouped_tiles(sample, view, recipe, grid, rng)
            else:
                tiles.append(single_tile(sample, view, recipe, grid, rng))
        rgbs, depths, boxes = zip(*tiles)
        item = {
            "frame": _to_tensor(self._colour(frame, colour_seed)),
            "rgb": torch.stack([_to_tensor(self._colour(rgb, colour_seed)) for rgb in rgbs]),
            "depth": torch.stack([canonical_target(depth, scale, recipe) for depth in depths]),
            "box": torch.tensor(boxes, dtype=torch.float32),
            "sparse": torch.tensor(sample.sparse),
            "draw": str(draw),  # a text stays on the host, so that comparing it waits for no device
        }
        if recipe.bias_free:
            item["frame_depth"] = canonical_target(frame_depth, scale, recipe)
        return item

    def _draw_and_turn(self, index: int) -> tuple[int, int]:
        """Which draw an item is of, and how many batches have held that draw before."""
        step, place = divmod(index, self.recipe.batch_size)
        group, turn = divmod(step, self.recipe.steps_per_draw)
        return group * self.recipe.batch_size + place, turn

    def _colour(self, rgb: np.ndarray, seed: int) -> np.ndarray:
        """The same change for a frame and its tiles."""
        return jitter_colour(rgb, np.random.default_rng(seed), strength=self.recipe.colour)


class WholeFrames(Dataset):
    """Validation frames, seen whole, with real depth at process size and the factor to canonical depth."""

    def __init__(self, datasets: list[FrameSet], tags: list[str], recipe: Recipe, *, limit: int = 48) -> None:
        self.recipe = recipe
        self.frames: list[tuple[FrameSet, int, str]] = []
        by_tag: dict[str, list[tuple[FrameSet, int, str]]] = {}
        for dataset, tag in zip(datasets, tags, strict=True):
            by_tag.setdefault(tag, []).extend((dataset, i, tag) for i in range(len(dataset)))
        for frames in by_tag.values():
            step = max(1, len(frames) // limit)
            self.frames += frames[::step][:limit]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Item:
        dataset, i, tag = self.frames[index]
        sample = dataset[i]
        height, width = sample.size
        view = View((0.0, 0.0, float(width), float(height)))
        size = (self.recipe.process_size[0], self.recipe.process_size[1])
        rgb, depth = render_view(sample, view, size)
        depth[depth > self.recipe.max_depth_m] = 0.0
        return {
            "rgb": _to_tensor(rgb),
            "depth": torch.from_numpy(depth)[None],
            "scale": torch.tensor(_canonical(view, sample, self.recipe), dtype=torch.float32),
            "tag": tag,
        }
