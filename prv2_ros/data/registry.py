# SPDX-License-Identifier: Apache-2.0
"""`open_dataset`: which reader a folder needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prv2_ros.data.folder import FolderDataset
from prv2_ros.data.kitti import KittiDataset
from prv2_ros.data.sample import DepthDataset
from prv2_ros.data.stereo import CityscapesDataset, UnrealStereo4kDataset
from prv2_ros.errors import DataError

BAG_SUFFIXES = (".mcap", ".db3")


def is_recording(path: Path) -> bool:
    """Whether `path` is a rosbag2 folder or file."""
    if path.is_dir():
        return any(p.suffix in BAG_SUFFIXES for p in path.iterdir())
    return path.suffix in BAG_SUFFIXES


def open_dataset(
    path: Path | str, split: str | None = None, *, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()
) -> DepthDataset:
    """Open a data set by what its folder holds: meta.json, KITTI, Cityscapes, UnrealStereo4K, or a bag.

    Args:
        path: the set's folder, or a bag file.
        split: None for everything, or "train", "val", "test".
        include, exclude: frame name patterns.

    Raises:
        DataError: the folder is missing or of no known format.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: give the folder of one data set, or a bag")
    if is_recording(path):
        from prv2_ros.data.recording import RecordingDataset

        return RecordingDataset(path, split, include=include, exclude=exclude)
    readers: dict[str, type[Any]] = {
        "meta.json": FolderDataset,
        "leftImg8bit": CityscapesDataset,
        "*/Disp0": UnrealStereo4kDataset,
        "*/*_sync/proj_depth": KittiDataset,
    }
    for mark, reader in readers.items():
        if next(path.glob(mark), None) is not None:
            return reader(path, split, include=include, exclude=exclude)
    raise DataError(f"{path} is no known data set: it holds none of {', '.join(readers)} and no bag")
