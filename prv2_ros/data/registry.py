# SPDX-License-Identifier: Apache-2.0
"""`open_dataset`: which reader a folder needs."""

from collections.abc import Sequence
from pathlib import Path

from prv2_ros.data.folder import FolderDataset
from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.public_sets import CityscapesDataset, KittiDataset, UnrealStereo4kDataset
from prv2_ros.errors import DataError

BAG_SUFFIXES = (".mcap", ".db3")
READERS: dict[str, type[FrameSet]] = {
    "meta.json": FolderDataset,
    "leftImg8bit": CityscapesDataset,
    "*/Disp0": UnrealStereo4kDataset,
    "*/*_sync/proj_depth": KittiDataset,
}
"""What a folder contains, and its reader."""


def is_recording(path: Path) -> bool:
    """Whether `path` is a rosbag2 folder or file."""
    return any(p.suffix in BAG_SUFFIXES for p in (path.iterdir() if path.is_dir() else [path]))


def open_dataset(
    path: Path | str, split: str | None = None, *, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()
) -> FrameSet:
    """Open a data set with the reader that fits its folder: one of READERS, or that of a bag; arguments as `FrameSet`.

    Raises:
        DataError: the folder is missing or its format is unknown.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: give the folder of one data set, or a bag")
    if is_recording(path):
        from prv2_ros.data.recording import RecordingDataset  # loads the bag libraries

        return RecordingDataset(path, split, include=include, exclude=exclude)
    for mark, reader in READERS.items():
        if next(path.glob(mark), None) is not None:
            return reader(path, split, include=include, exclude=exclude)
    raise DataError(f"{path} is no known data set: it contains none of {', '.join(READERS)} and no bag")
