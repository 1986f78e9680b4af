# SPDX-License-Identifier: Apache-2.0
"""A cache of decoded frames as plain arrays, memory-mapped, so that loading a crop costs next to nothing.

Frames wider than `WIDEST_PX` are stored at the size at which the tiled network sees them (every tile at
process size): a 4K frame becomes 1536 x 2048, resampled as the engine does, without antialiasing.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.data.camera import PROCESS_SIZE
from prv2_ros.data.sample import DepthDataset, Sample
from prv2_ros.errors import DataError

TILE_SIZE = (540, 960)
WIDEST_PX = 2560
SOURCE = "source.txt"


def tile_grid(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tiles of about 540 x 960 raw pixels for a frame of `size` (H, W)."""
    return max(1, round(size[0] / TILE_SIZE[0])), max(1, round(size[1] / TILE_SIZE[1]))


def process_frame_size(size: tuple[int, int], process_size: tuple[int, int] = PROCESS_SIZE) -> tuple[int, int]:
    """(H, W) of a frame whose tiles all have process size."""
    rows, columns = tile_grid(size)
    return rows * process_size[0], columns * process_size[1]


def file_stem(name: str) -> str:
    """A frame's file name in the cache; names of nested sets hold slashes."""
    return name.replace("%", "%25").replace("+", "%2B").replace("/", "+")


def _name_of(stem: str) -> str:
    return stem.replace("+", "/").replace("%2B", "+").replace("%25", "%")


def _to_working_size(sample: Sample) -> Sample:
    if sample.size[1] <= WIDEST_PX:
        return sample
    height, width = process_frame_size(sample.size)
    sy, sx = height / sample.size[0], width / sample.size[1]
    return Sample(
        rgb=cv2.resize(sample.rgb, (width, height), interpolation=cv2.INTER_LINEAR),
        depth_m=cv2.resize(sample.depth_m, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        focal_px=(sample.focal_px[0] * sx, sample.focal_px[1] * sy),
        name=sample.name,
        set_name=sample.set_name,
        group=sample.group,
        sparse=sample.sparse,
    )


def build_cache(dataset: DepthDataset, path: Path | str) -> int:
    """Decode every frame of `dataset` into `path`; frames already there are kept.

    Args:
        dataset: what `open_dataset` gives; a FolderDataset's names tell which frames are new.
        path: folder of this set's cache; made if missing.

    Returns:
        How many frames were added.

    Raises:
        DataError: the cache is of another folder.
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
        _save(path / f"{stem}.rgb.npy", sample.rgb)
        _save(path / f"{stem}.depth.npy", sample.depth_m.astype(np.float16))
        facts = {
            "name": name,
            "focal_px": sample.focal_px,
            "group": sample.group,
            "sparse": bool(sample.sparse),
            "set": sample.set_name,
            "licence": dataset.licence,
        }
        partial = _partial(path / f"{stem}.json")
        partial.write_text(json.dumps(facts))
        os.replace(partial, path / f"{stem}.json")
        added += 1
    return added


def _partial(path: Path) -> Path:
    """Where this process writes a file before it gets its name: two runs may fill one cache at the same time."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _save(path: Path, array: np.ndarray) -> None:
    partial = _partial(path)
    with partial.open("wb") as file:
        np.save(file, array)
    os.replace(partial, path)


def _claim(path: Path, dataset: DepthDataset) -> None:
    """Refuse a cache of another folder: its frames may have the same names, as rendered ones of one seed do."""
    folder = getattr(dataset, "path", None)
    if folder is None:
        return
    source, ours = path / SOURCE, str(Path(folder).resolve())
    if source.is_file():
        if (theirs := source.read_text()) != ours:
            raise DataError(f"{path} is the cache of {theirs}, not of {ours}: delete it or --set cache=FOLDER")
    else:
        source.write_text(ours)


class CachedDataset:
    """The frames of a cache folder, memory-mapped.

    Args:
        path: the set's cache folder as `build_cache` left it.
        names: which frames; None for all.

    Raises:
        DataError: the folder is missing, or a named frame is not in it.
    """

    def __init__(self, path: Path | str, names: list[str] | None = None) -> None:
        self.path = Path(path)
        present = sorted(_name_of(p.name.removesuffix(".json")) for p in self.path.glob("*.json"))
        if not present:
            raise DataError(f"{self.path} holds no cached frame: run build_cache first")
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
        facts = self._facts[name]
        return Sample(
            rgb=np.load(self.path / f"{file_stem(name)}.rgb.npy", mmap_mode="r"),
            depth_m=np.load(self.path / f"{file_stem(name)}.depth.npy", mmap_mode="r"),
            focal_px=(facts["focal_px"][0], facts["focal_px"][1]),
            name=name,
            set_name=facts["set"],
            group=facts["group"],
            sparse=facts["sparse"],
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))
