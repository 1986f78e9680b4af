# SPDX-License-Identifier: Apache-2.0
"""Readers of public data sets in their own layouts: UnrealStereo4K, Cityscapes, KITTI."""

import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.pictures import check_sizes, read_16_bit, read_array, read_colour
from prv2_ros.errors import DataError

logger = logging.getLogger(__name__)


def depth_from_disparity(disparity_px: np.ndarray, *, focal_px: float, baseline_m: float) -> np.ndarray:
    """Z = f * B / d as float32 metres; 0 where the disparity is not above 0 or not finite."""
    known = np.isfinite(disparity_px) & (disparity_px > 0)
    return np.where(known, focal_px * baseline_m / np.where(known, disparity_px, 1.0), 0.0).astype(np.float32)


class UnrealStereo4kDataset(FrameSet):
    """UnrealStereo4K: SCENE/{Image0/*.png, Disp0/*.npy, Extrinsics0/*.txt, Extrinsics1/*.txt}.

    An extrinsics file has the 3x3 intrinsics in its first line and the 3x4 world-to-camera matrix in its second.
    The baseline is the distance between the two camera centres. Splits are by scene.
    """

    licence = "MIT (code and data set as published with SMD-Nets)"
    name = "unrealstereo4k"

    def _find(self) -> tuple[list[str], None]:
        disparities = sorted(self.path.glob("*/Disp0/*.npy"))
        if not disparities:
            raise DataError(f"{self.path} contains no SCENE/Disp0/*.npy")
        return [f"{p.parent.parent.name}/{p.stem}" for p in disparities], None

    def group_of(self, name: str) -> str:
        """The scene; not numeric, so that scenes are drawn one by one."""
        return f"scene_{name.split('/')[0]}"

    def _camera(self, scene: str, frame: str, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Intrinsics (3, 3) and centre (3,) of the left (0) or right (1) camera."""
        file = self.path / scene / f"Extrinsics{side}" / f"{frame}.txt"
        try:
            lines = file.read_text().splitlines()
            intrinsics = np.array([float(v) for v in lines[0].split()]).reshape(3, 3)
            extrinsics = np.array([float(v) for v in lines[1].split()]).reshape(3, 4)
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing") from error
        except (ValueError, IndexError) as error:
            raise DataError(f"{file} does not have 9 and 12 numbers in its first two lines") from error
        return intrinsics, -extrinsics[:, :3].T @ extrinsics[:, 3]

    def _read(self, name: str) -> dict[str, Any]:
        scene, frame = name.split("/")
        intrinsics, left = self._camera(scene, frame, 0)
        _, right = self._camera(scene, frame, 1)
        disparity = read_array(self.path / scene / "Disp0" / f"{frame}.npy").squeeze()
        rgb = read_colour(self.path / scene / "Image0" / f"{frame}.png")
        check_sizes(f"disparity of {name}", disparity, rgb)
        fx, fy = float(intrinsics[0, 0]), float(intrinsics[1, 1])
        depth = depth_from_disparity(disparity, focal_px=fx, baseline_m=float(np.linalg.norm(left - right)))
        return {"rgb": rgb, "depth_m": depth, "focal_px": (fx, fy)}


class CityscapesDataset(FrameSet):
    """Cityscapes: leftImg8bit/, disparity/ and camera/, each SPLIT/CITY/CITY_SEQ_FRAME_*.

    Disparity is 16 bit: 0 = none, otherwise (v - 1) / 256 pixels. A frame's name is CITY/CITY_SEQ_FRAME.
    """

    licence = "Cityscapes terms: non-commercial research"
    name = "cityscapes"

    def _find(self) -> tuple[list[str], dict[str, list[str]]]:
        images = sorted(self.path.glob("leftImg8bit/*/*/*_leftImg8bit.png"))
        if not images:
            raise DataError(f"{self.path} contains no leftImg8bit/SPLIT/CITY/*_leftImg8bit.png")
        self._splits: dict[str, str] = {}
        stated = defaultdict(list)
        for image in self._with_partners(images):
            name = f"{image.parent.name}/{image.name.removesuffix('_leftImg8bit.png')}"
            self._splits[name] = image.parent.parent.name
            stated[self._splits[name]].append(name)
        return list(self._splits), stated

    def _with_partners(self, images: list[Path]) -> list[Path]:
        """Pictures with disparity and camera: the set comes in several archives, and one is easily forgotten."""
        for kind, ending in (("disparity", "disparity.png"), ("camera", "camera.json")):
            there = {p.name.removesuffix(f"_{ending}") for p in self.path.glob(f"{kind}/*/*/*_{ending}")}
            complete = [p for p in images if p.name.removesuffix("_leftImg8bit.png") in there]
            if not complete:
                raise DataError(f"{self.path} has no {kind}/SPLIT/CITY/*_{ending} of its pictures")
            if len(complete) < len(images):
                logger.warning("%s: %d pictures have no %s", self.path, len(images) - len(complete), ending)
            images = complete
        return images

    def _file(self, name: str, kind: str, ending: str) -> Path:
        return self.path / kind / self._splits[name] / f"{name}_{ending}"

    def _read(self, name: str) -> dict[str, Any]:
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
        depth = depth_from_disparity(disparity, focal_px=fx, baseline_m=baseline)
        return {"rgb": rgb, "depth_m": depth, "focal_px": (fx, fy)}


class KittiDataset(FrameSet):
    """KITTI raw drives with the depth maps of its depth benchmark, whose splits never share a drive.

    DATE/DRIVE_sync/image_02/data/*.png goes with SPLIT/DRIVE_sync/proj_depth/groundtruth/image_02/*.png; a frame's
    name is DRIVE/CAMERA/FRAME. Depth is 16 bit, metres * 256, 0 = none. Focal lengths come from P_rect_02 in
    DATE/calib_cam_to_cam.txt.
    """

    licence = "CC BY-NC-SA 3.0"
    name = "kitti"
    sparse = True

    def _find(self) -> tuple[list[str], dict[str, list[str]]]:
        self._depths: dict[str, Path] = {}
        self._focals: dict[tuple[str, str], tuple[float, float]] = {}
        stated = defaultdict(list)
        missing = []
        for camera in ("image_02", "image_03"):
            for file in sorted(self.path.glob(f"*/*_sync/proj_depth/groundtruth/{camera}/*.png")):
                drive = file.parents[3]
                # The benchmark's depth maps cover all drives; few people have the raw pictures of all.
                if not self._picture(drive.name, camera, file.stem).is_file():
                    missing.append(drive.name)
                    continue
                name = f"{drive.name}/{camera}/{file.stem}"
                self._depths[name] = file
                stated[drive.parent.name].append(name)
        if missing:
            drives = ", ".join(sorted(set(missing)))
            logger.warning("%s: %d depth maps of %s have no picture", self.path, len(missing), drives)
        if not self._depths:
            what = "contains depth maps, but none of their DATE/DRIVE_sync/image_02/data/*.png"
            if not missing:
                what = "contains no SPLIT/DRIVE_sync/proj_depth/groundtruth/image_02/*.png"
            raise DataError(f"{self.path} {what}")
        return list(self._depths), stated

    def _picture(self, drive: str, camera: str, frame: str) -> Path:
        return self.path / drive[:10] / drive / camera / "data" / f"{frame}.png"

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
                raise DataError(f"{file} has no line '{key}' with 12 numbers") from error
        return self._focals[date, camera]

    def _read(self, name: str) -> dict[str, Any]:
        drive, camera, frame = name.split("/")
        raw, rgb = read_16_bit(self._depths[name]), read_colour(self._picture(drive, camera, frame))
        check_sizes(str(self._depths[name]), raw, rgb)
        depth = raw.astype(np.float32) / np.float32(256.0)
        return {"rgb": rgb, "depth_m": depth, "focal_px": self._focal(drive[:10], camera)}
