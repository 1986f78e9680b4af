# SPDX-License-Identifier: Apache-2.0
"""A cache of decoded frames as memory-mapped arrays, so that loading a crop is cheap.

Frames wider than `WIDEST_PX` are stored at the size at which the tiled network sees them (every tile at
process size): a 4K frame becomes 1536 x 2048, resampled without antialiasing, as in the engine.
"""

import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.data.camera import PROCESS_SIZE
from prv2_ros.data.sample import DepthDataset, Sample
from prv2_ros.errors import DataError
from prv2_ros.media.images import write_whole

TILE_SIZE = (540, 960)
WIDEST_PX = 2560
SOURCE = "source.txt"


def tile_grid(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tiles of about 540 x 960 raw pixels for a frame of `size` (H, W)."""
    return max(1, round(size[0] / TILE_SIZE[0])), max(1, round(size[1] / TILE_SIZE[1]))


def file_stem(name: str) -> str:
    """A frame's file name in the cache; names of nested sets hold slashes."""
    return name.replace("%", "%25").replace("+", "%2B").replace("/", "+")


def _name_of(stem: str) -> str:
    return stem.replace("+", "/").replace("%2B", "+").replace("%25", "%")


def _to_working_size(sample: Sample) -> Sample:
    if sample.size[1] <= WIDEST_PX:
        return sample
    rows, columns = tile_grid(sample.size)
    height, width = rows * PROCESS_SIZE[0], columns * PROCESS_SIZE[1]
    sy, sx = height / sample.size[0], width / sample.size[1]
    return replace(
        sample,
        rgb=cv2.resize(sample.rgb, (width, height), interpolation=cv2.INTER_LINEAR),
        depth_m=cv2.resize(sample.depth_m, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        focal_px=(sample.focal_px[0] * sx, sample.focal_px[1] * sy),
    )


def build_cache(dataset: DepthDataset, path: Path | str) -> int:
    """Decode every frame of `dataset` into the folder `path`, unless it is there already; returns how many were added.

    Raises:
        DataError: the cache belongs to another folder.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    _claim(path, dataset)
    names = getattr(dataset, "names", None) or [f"{i:06d}" for i in range(len(dataset))]
    added = 0
    for index, name in enumerate(names):
        stem = file_stem(name)
        if (path / f"{stem}.json").exists():
            continue
        sample = _to_working_size(dataset[index])
        facts = {"name": name, "focal_px": sample.focal_px, "group": sample.group, "sparse": bool(sample.sparse)}
        facts |= {"set": sample.set_name, "licence": dataset.licence}
        _save(path / f"{stem}.rgb.npy", sample.rgb)
        _save(path / f"{stem}.depth.npy", sample.depth_m.astype(np.float16))
        write_whole(path / f"{stem}.json", json.dumps(facts).encode())  # last: it marks a complete frame
        added += 1
    return added


def _save(path: Path, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_whole(path, buffer.getvalue())


def _claim(path: Path, dataset: DepthDataset) -> None:
    """Refuse the cache of another folder: frames of different folders may have the same names."""
    folder = getattr(dataset, "path", None)
    if folder is None:
        return
    source, ours = path / SOURCE, str(Path(folder).resolve())
    if not source.is_file():
        write_whole(source, ours.encode())  # another run may claim the folder at the same time
    if (theirs := source.read_text()) != ours:
        raise DataError(f"{path} is the cache of {theirs}, not of {ours}: delete it or --set cache=FOLDER")


class CachedDataset:
    """The frames of a cache folder, memory-mapped.

    Args:
        path: a folder that `build_cache` filled.
        names: the frames to use; None for all.

    Raises:
        DataError: the folder is empty, or a frame of `names` is missing.
    """

    def __init__(self, path: Path | str, names: list[str] | None = None) -> None:
        self.path = Path(path)
        present = sorted(_name_of(p.name.removesuffix(".json")) for p in self.path.glob("*.json"))
        if not present:
            raise DataError(f"{self.path} contains no cached frame: run build_cache first")
        missing = set(names or ()) - set(present)
        if missing:
            raise DataError(f"{self.path} lacks {len(missing)} frames, the first is '{min(missing)}'")
        self.names = present if names is None else list(names)
        self._facts = {n: json.loads((self.path / f"{file_stem(n)}.json").read_text()) for n in self.names}
        first = next(iter(self._facts.values()), {"set": self.path.name, "licence": "not stated"})
        self.name, self.licence = first["set"], first["licence"]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        facts, stem = self._facts[name], self.path / file_stem(name)
        rgb, depth = (np.load(f"{stem}.{kind}.npy", mmap_mode="r") for kind in ("rgb", "depth"))
        focal = (facts["focal_px"][0], facts["focal_px"][1])
        return Sample(rgb, depth, focal, name, facts["set"], facts["group"], facts["sparse"])
