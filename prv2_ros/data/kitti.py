# SPDX-License-Identifier: Apache-2.0
"""KITTI raw drives with the depth maps of KITTI's depth benchmark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prv2_ros.data.pictures import check_sizes, read_16_bit, read_colour
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError

CAMERAS = ("image_02", "image_03")


class KittiDataset:
    """KITTI: DATE/DRIVE_sync/image_02/data/*.png with SPLIT/DRIVE_sync/proj_depth/groundtruth/image_02/*.png.

    Depth is 16 bit, metres * 256, 0 = none. Focal lengths come from DATE/calib_cam_to_cam.txt (P_rect_02).

    Args:
        path: folder that holds both trees (dates and train/, val/).
        split: None for all, else the benchmark's own "train" or "val"; the drives never overlap.
        include, exclude: patterns of "DRIVE/CAMERA/FRAME".

    Raises:
        DataError: nothing is found, or a calibration or picture is missing.
    """

    licence = "CC BY-NC-SA 3.0"
    name = "kitti"

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        self._depths: dict[str, Path] = {}
        stated: dict[str, list[str]] = {}
        for camera in CAMERAS:
            for file in sorted(self.path.glob(f"*/*_sync/proj_depth/groundtruth/{camera}/*.png")):
                drive = file.parents[3]
                name = f"{drive.name}/{camera}/{file.stem}"
                self._depths[name] = file
                stated.setdefault(drive.parent.name, []).append(name)
        if not self._depths:
            raise DataError(f"{self.path} holds no SPLIT/DRIVE_sync/proj_depth/groundtruth/image_02/*.png")
        self._focals: dict[tuple[str, str], tuple[float, float]] = {}
        self.names = select_names(
            self._depths,
            set_name=self.name,
            split=split,
            group_of=self.group_of,
            include=include,
            exclude=exclude,
            stated=stated,
        )

    @staticmethod
    def group_of(name: str) -> str:
        """The drive."""
        return name.split("/")[0]

    def __len__(self) -> int:
        return len(self.names)

    def _focal(self, date: str, camera: str) -> tuple[float, float]:
        if (date, camera) not in self._focals:
            file = self.path / date / "calib_cam_to_cam.txt"
            key = f"P_rect_{camera[-2:]}:"
            try:
                line = next(text for text in file.read_text().splitlines() if text.startswith(key))
                numbers = [float(v) for v in line[len(key) :].split()]
                self._focals[date, camera] = numbers[0], numbers[5]
            except FileNotFoundError as error:
                raise DataError(f"{file} is missing") from error
            except (StopIteration, ValueError, IndexError) as error:
                raise DataError(f"{file} has no line '{key}' with twelve numbers") from error
        return self._focals[date, camera]

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        drive, camera, frame = name.split("/")
        date = drive[:10]
        raw = read_16_bit(self._depths[name])
        rgb = read_colour(self.path / date / drive / camera / "data" / f"{frame}.png")
        check_sizes(str(self._depths[name]), raw, rgb)
        return Sample(
            rgb=rgb,
            depth_m=raw.astype(np.float32) / np.float32(256.0),
            focal_px=self._focal(date, camera),
            name=name,
            set_name=self.name,
            group=drive,
            sparse=True,
        )
