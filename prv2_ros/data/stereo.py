# SPDX-License-Identifier: Apache-2.0
"""Data sets whose depth comes as disparity: UnrealStereo4K and Cityscapes."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prv2_ros.data.pictures import check_sizes, read_16_bit, read_array, read_colour
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError

logger = logging.getLogger(__name__)


def depth_from_disparity(disparity_px: np.ndarray, *, focal_px: float, baseline_m: float) -> np.ndarray:
    """Z = f * B / d as float32 metres; 0 where the disparity is not above 0 or not finite."""
    known = np.isfinite(disparity_px) & (disparity_px > 0)
    return np.where(known, focal_px * baseline_m / np.where(known, disparity_px, 1.0), 0.0).astype(np.float32)


class UnrealStereo4kDataset:
    """UnrealStereo4K: SCENE/{Image0/*.png, Disp0/*.npy, Extrinsics0/*.txt, Extrinsics1/*.txt}.

    An extrinsics file holds the 3x3 intrinsics in its first line and the 3x4 world-to-camera matrix in its
    second. The baseline is the distance of the two camera centres.

    Args:
        path: folder with the scenes.
        split: None for all; scenes are divided, none is in two splits.
        include, exclude: patterns of "SCENE/FRAME".
        metres_per_unit: length unit of the extrinsics.

    Raises:
        DataError: nothing is found, or a file does not hold what it should.
    """

    licence = "MIT (code and data set as published with SMD-Nets)"
    name = "unrealstereo4k"

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
        metres_per_unit: float = 1.0,
    ) -> None:
        self.path = Path(path)
        self.metres_per_unit = metres_per_unit
        disparities = sorted(self.path.glob("*/Disp0/*.npy"))
        if not disparities:
            raise DataError(f"{self.path} holds no SCENE/Disp0/*.npy")
        names = [f"{p.parent.parent.name}/{p.stem}" for p in disparities]
        self.names = select_names(
            names, set_name=self.name, split=split, group_of=self.group_of, include=include, exclude=exclude
        )

    @staticmethod
    def group_of(name: str) -> str:
        """The scene; not numeric, so that scenes are drawn one by one."""
        return f"scene_{name.split('/')[0]}"

    def __len__(self) -> int:
        return len(self.names)

    def _camera(self, scene: str, frame: str, side: int) -> tuple[np.ndarray, np.ndarray]:
        file = self.path / scene / f"Extrinsics{side}" / f"{frame}.txt"
        try:
            lines = file.read_text().splitlines()
            intrinsics = np.array([float(v) for v in lines[0].split()]).reshape(3, 3)
            extrinsics = np.array([float(v) for v in lines[1].split()]).reshape(3, 4)
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing") from error
        except (ValueError, IndexError) as error:
            raise DataError(f"{file} does not hold nine and twelve numbers in its first two lines") from error
        return intrinsics, -extrinsics[:, :3].T @ extrinsics[:, 3]

    def __getitem__(self, index: int) -> Sample:
        scene, frame = self.names[index].split("/")
        intrinsics, left = self._camera(scene, frame, 0)
        _, right = self._camera(scene, frame, 1)
        disparity = read_array(self.path / scene / "Disp0" / f"{frame}.npy").squeeze()
        rgb = read_colour(self.path / scene / "Image0" / f"{frame}.png")
        check_sizes(f"disparity of {self.names[index]}", disparity, rgb)
        baseline = float(np.linalg.norm(left - right)) * self.metres_per_unit
        fx, fy = float(intrinsics[0, 0]), float(intrinsics[1, 1])
        return Sample(
            rgb=rgb,
            depth_m=depth_from_disparity(disparity, focal_px=fx, baseline_m=baseline),
            focal_px=(fx, fy),
            name=self.names[index],
            set_name=self.name,
            group=self.group_of(self.names[index]),
        )


class CityscapesDataset:
    """Cityscapes: leftImg8bit/, disparity/ and camera/, each SPLIT/CITY/CITY_SEQ_FRAME_*.

    Disparity is 16 bit: 0 = none, otherwise (v - 1) / 256 pixels.

    Args:
        path: folder that holds the three.
        split: None for all, else the set's own "train", "val" or "test".
        include, exclude: patterns of "CITY/CITY_SEQ_FRAME".
    """

    licence = "Cityscapes terms: non-commercial research"
    name = "cityscapes"

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        images = sorted(self.path.glob("leftImg8bit/*/*/*_leftImg8bit.png"))
        if not images:
            raise DataError(f"{self.path} holds no leftImg8bit/SPLIT/CITY/*_leftImg8bit.png")
        images = self._with_partners(images)
        self._splits = {
            f"{p.parent.name}/{p.name.removesuffix('_leftImg8bit.png')}": p.parent.parent.name for p in images
        }
        stated: dict[str, list[str]] = {}
        for frame, own in self._splits.items():
            stated.setdefault(own, []).append(frame)
        self.names = select_names(
            self._splits,
            set_name=self.name,
            split=split,
            group_of=self.group_of,
            include=include,
            exclude=exclude,
            stated=stated,
        )

    @staticmethod
    def group_of(name: str) -> str:
        """The city."""
        return name.split("/")[0]

    def __len__(self) -> int:
        return len(self.names)

    def _with_partners(self, images: list[Path]) -> list[Path]:
        """Pictures with disparity and camera: the set comes in several archives, and one is easily forgotten."""
        for kind, ending in (("disparity", "disparity.png"), ("camera", "camera.json")):
            there = {p.name.removesuffix(f"_{ending}") for p in self.path.glob(f"{kind}/*/*/*_{ending}")}
            whole = [p for p in images if p.name.removesuffix("_leftImg8bit.png") in there]
            if not whole:
                raise DataError(f"{self.path} has no {kind}/SPLIT/CITY/*_{ending} of its pictures")
            if len(whole) < len(images):
                logger.warning("%s: %d pictures have no %s", self.path, len(images) - len(whole), ending)
            images = whole
        return images

    def _file(self, name: str, kind: str, ending: str) -> Path:
        return self.path / kind / self._splits[name] / f"{name}_{ending}"

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        camera_file = self._file(name, "camera", "camera.json")
        try:
            camera = json.loads(camera_file.read_text())
            fx, fy = float(camera["intrinsic"]["fx"]), float(camera["intrinsic"]["fy"])
            baseline = float(camera["extrinsic"]["baseline"])
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{camera_file} gives no intrinsic.fx, fy and extrinsic.baseline ({error})") from error
        file = self._file(name, "disparity", "disparity.png")
        raw, rgb = read_16_bit(file), read_colour(self._file(name, "leftImg8bit", "leftImg8bit.png"))
        check_sizes(str(file), raw, rgb)
        disparity = np.where(raw > 0, (raw.astype(np.float32) - 1.0) / 256.0, 0.0)
        return Sample(
            rgb=rgb,
            depth_m=depth_from_disparity(disparity, focal_px=fx, baseline_m=baseline),
            focal_px=(fx, fy),
            name=name,
            set_name=self.name,
            group=self.group_of(name),
        )
