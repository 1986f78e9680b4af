# SPDX-License-Identifier: Apache-2.0
"""Folder data sets: NAME/{rgb/*.jpg|png, depth/*.png (16 bit), meta.json}."""

import json
import re
from typing import Any

import numpy as np

from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.pictures import check_sizes, read_16_bit, read_colour
from prv2_ros.errors import DataError

SKY_VALUE = 65535
SPARSE_DENSITY = 0.2


class FolderDataset(FrameSet):
    """Reader of a folder with meta.json, rgb/ and depth/; arguments as `FrameSet`."""

    def _find(self) -> tuple[list[str], Any]:
        self._meta_file = self.path / "meta.json"
        try:
            self.meta = json.loads(self._meta_file.read_text())
        except FileNotFoundError as error:
            raise DataError(f"{self._meta_file} is missing: a folder data set has meta.json, rgb/, depth/") from error
        except json.JSONDecodeError as error:
            raise DataError(f"{self._meta_file} is not JSON: {error}") from error
        self._check_meta()
        self.name = self.path.name
        self.licence = str(self.meta.get("licence", "not stated"))
        self._unit_m = self._depth_unit_m()
        self.sparse = "sparse" in str(self.meta.get("density", "")).lower()
        files = sorted((self.path / "rgb").glob("*"))
        self._images = {p.stem: p for p in files if p.suffix in (".jpg", ".png", ".jpeg")}
        if not self._images:
            raise DataError(f"{self.path / 'rgb'} contains no .jpg or .png picture")
        depths = {p.stem for p in (self.path / "depth").glob("*.png")}
        names = [n for n in self._images if n in depths]
        if not names:
            raise DataError(
                f"{self.path} has {len(self._images)} pictures and {len(depths)} depth maps but no pair: "
                "rgb/NAME.jpg belongs to depth/NAME.png"
            )
        return names, self.meta.get("splits")

    def _check_meta(self) -> None:
        meta, path = self.meta, self._meta_file
        if not isinstance(meta, dict):
            raise DataError(f"{path} holds a {type(meta).__name__}; expected an object with fx, fy and depth_scale")
        for key in ("frames", "group_guess"):
            if not isinstance(meta.get(key, {}), dict):
                raise DataError(f"{path}: {key} is a {type(meta[key]).__name__}; expected an object by frame name")
        if not isinstance(meta.get("splits", {}), (dict, str)):
            raise DataError(f"{path}: splits has to be the name of one split, or an object of frame names by split")

    def _depth_unit_m(self) -> float:
        """Metres of one step of the depth PNGs."""
        if "depth_unit_m" in self.meta:
            unit = self.meta["depth_unit_m"]
            if not isinstance(unit, (int, float)) or not unit > 0:
                raise DataError(f"{self._meta_file}: depth_unit_m is {unit!r}; it is metres per step, above 0")
            return float(unit)
        text = str(self.meta.get("depth_scale", "")).lower()
        for words, unit in (("png/256", 1 / 256), ("millimetre", 1e-3), ("millimeter", 1e-3)):
            if words in text:
                return unit
        raise DataError(
            f"{self._meta_file}: depth_scale is '{text}'; give depth_unit_m, or depth_scale as 'millimetres' or "
            "'metres = png/256'"
        )

    def _facts(self, name: str) -> dict[str, Any]:
        return self.meta.get("frames", {}).get(name, {})

    def group_of(self, name: str) -> str:
        """The scene of a frame: as meta.json states, or from its name."""
        guess = self.meta.get("group_guess", {})
        if name in guess:
            return str(guess[name])
        facts = self._facts(name)
        for key in ("group", "scene", "seed"):
            if key in facts:
                return str(facts[key])
        scene = re.match(r"(scene_\d+)_", name)
        return scene.group(1) if scene else self.name

    def focal_of(self, name: str) -> tuple[float, float]:
        """(fx, fy) of a frame in pixels of its image."""
        source = {**self.meta, **self._facts(name)}
        try:
            fx = float(source["fx"])
            fy = float(source.get("fy", fx))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self._meta_file} gives no fx in pixels for frame '{name}' ({error})") from error
        if not (fx > 0 and fy > 0):
            raise DataError(f"{self._meta_file}: focal length ({fx}, {fy}) of frame '{name}' is not positive")
        return fx, fy

    def _read(self, name: str) -> dict[str, Any]:
        depth_file = self.path / "depth" / f"{name}.png"
        rgb, raw = read_colour(self._images[name]), read_16_bit(depth_file)
        check_sizes(str(depth_file), raw, rgb)
        depth = raw.astype(np.float32) * np.float32(self._unit_m)
        if self.meta.get("sky") == SKY_VALUE:
            depth[raw == SKY_VALUE] = np.inf
        if saturated := self.meta.get("saturated"):
            depth[raw == saturated] = 0.0  # at least that far: the real depth is unknown
        sparse = self.sparse or float(np.count_nonzero(raw)) < SPARSE_DENSITY * raw.size
        return {"rgb": rgb, "depth_m": depth, "focal_px": self.focal_of(name), "sparse": sparse}
