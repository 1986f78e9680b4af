# SPDX-License-Identifier: Apache-2.0
"""KITTI raw drives with the depth maps of KITTI's depth benchmark."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prv2_ros.data.pictures import check_sizes, read_16_bit, read_colour
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError

logger = logging.getLogger(__name__)
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
        missing: list[str] = []
        for camera in CAMERAS:
            for file in sorted(self.path.glob(f"*/*_sync/proj_depth/groundtruth/{camera}/*.png")):
                drive = file.parents[3]
                # The benchmark's depth maps cover all drives; few have the raw pictures of all.
                if not self._picture(drive.name, camera, file.stem).is_file():
                    missing.append(drive.name)
                    continue
                name = f"{drive.name}/{camera}/{file.stem}"
                self._depths[name] = file
                stated.setdefault(drive.parent.name, []).append(name)
        if missing:
            drives = sorted(set(missing))
            logger.warning("%s: %d depth maps of %s have no picture", self.path, len(missing), ", ".join(drives))
        if missing and not self._depths:
            raise DataError(f"{self.path} holds depth maps, but none of their DATE/DRIVE_sync/image_02/data/*.png")
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

    def _picture(self, drive: str, camera: str, frame: str) -> Path:
        return self.path / drive[:10] / drive / camera / "data" / f"{frame}.png"

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
        raw = read_16_bit(self._depths[name])
        rgb = read_colour(self._picture(drive, camera, frame))
        check_sizes(str(self._depths[name]), raw, rgb)
        return Sample(
            rgb=rgb,
            depth_m=raw.astype(np.float32) / np.float32(256.0),
            focal_px=self._focal(drive[:10], camera),
            name=name,
            set_name=self.name,
            group=drive,
            sparse=True,
        )
