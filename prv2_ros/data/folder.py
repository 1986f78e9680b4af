# SPDX-License-Identifier: Apache-2.0
"""Folder data sets: NAME/{rgb/*.jpg|png, depth/*.png (16 bit), meta.json}."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prv2_ros.data.pictures import check_sizes, read_16_bit, read_colour
from prv2_ros.data.sample import Sample
from prv2_ros.data.splits import select_names
from prv2_ros.errors import DataError

SKY_VALUE = 65535
SPARSE_DENSITY = 0.2


def _depth_unit_m(meta: dict, path: Path) -> float:
    """Metres of one step of the depth PNGs."""
    if "depth_unit_m" in meta:
        unit = meta["depth_unit_m"]
        if not isinstance(unit, (int, float)) or not unit > 0:
            raise DataError(f"{path}: depth_unit_m is {unit!r}; it is the metres of one step, above 0")
        return float(unit)
    text = str(meta.get("depth_scale", "")).lower()
    if "png/256" in text:
        return 1.0 / 256.0
    if "millimetre" in text or "millimeter" in text:
        return 1e-3
    raise DataError(
        f"{path}: depth_scale is '{text}'; give depth_unit_m, or depth_scale as 'millimetres' or 'metres = png/256'"
    )


def _check_meta(meta: object, path: Path) -> None:
    """Refuse a meta.json of another form with the key that is wrong."""
    if not isinstance(meta, dict):
        raise DataError(f"{path} holds a {type(meta).__name__}; it has to be an object with fx, fy and depth_scale")
    for key in ("frames", "group_guess"):
        if not isinstance(meta.get(key, {}), dict):
            raise DataError(f"{path}: {key} is a {type(meta[key]).__name__}; it has to be an object by frame name")
    if not isinstance(meta.get("splits", {}), (dict, str)):
        raise DataError(f"{path}: splits has to be the name of one split, or an object of frame names by split")


class FolderDataset:
    """Reader of one folder data set.

    Args:
        path: folder with meta.json, rgb/ and depth/.
        split: None for all frames; "train", "val" or "test" as meta.json's "splits" say, otherwise by scene
            (a fixed tenth is "val"; a set of fewer than five scenes has no "val").
        include: keep frames whose name matches one of these patterns.
        exclude: leave out frames whose name matches one of these patterns.

    Raises:
        DataError: meta.json, a picture or an intrinsic is missing or cannot be read.
    """

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        meta_file = self.path / "meta.json"
        try:
            self.meta = json.loads(meta_file.read_text())
        except FileNotFoundError as error:
            raise DataError(f"{meta_file} is missing: a folder data set has meta.json, rgb/ and depth/") from error
        except json.JSONDecodeError as error:
            raise DataError(f"{meta_file} is not JSON: {error}") from error
        _check_meta(self.meta, meta_file)
        self.name = self.path.name
        self.licence = str(self.meta.get("licence", "not stated"))
        self._unit_m = _depth_unit_m(self.meta, meta_file)
        self._has_sky = self.meta.get("sky") == SKY_VALUE
        self._saturated = self.meta.get("saturated")
        self.sparse = "sparse" in str(self.meta.get("density", "")).lower()
        images = {p.stem: p for p in sorted((self.path / "rgb").glob("*")) if p.suffix in (".jpg", ".png", ".jpeg")}
        depths = {p.stem for p in (self.path / "depth").glob("*.png")}
        if not images:
            raise DataError(f"{self.path / 'rgb'} holds no .jpg or .png picture")
        self._images = images
        if not depths & images.keys():
            raise DataError(
                f"{self.path} holds {len(images)} pictures and {len(depths)} depth maps but no pair: "
                "rgb/NAME.jpg goes with depth/NAME.png"
            )
        self.names = select_names(
            [n for n in images if n in depths],
            set_name=self.name,
            split=split,
            group_of=self.group_of,
            include=include,
            exclude=exclude,
            stated=self.meta.get("splits"),
        )

    def group_of(self, name: str) -> str:
        """The scene of a frame."""
        guess = self.meta.get("group_guess", {})
        if name in guess:
            return str(guess[name])
        frame = self.meta.get("frames", {}).get(name, {})
        for key in ("group", "scene", "seed"):
            if key in frame:
                return str(frame[key])
        scene = re.match(r"(scene_\d+)_", name)
        return scene.group(1) if scene else self.name

    def focal_of(self, name: str) -> tuple[float, float]:
        """(fx, fy) of a frame in pixels of its image."""
        source = {**self.meta, **self.meta.get("frames", {}).get(name, {})}
        try:
            fx = float(source["fx"])
            fy = float(source.get("fy", fx))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self.path / 'meta.json'} gives no fx in pixels for frame '{name}' ({error})") from error
        if not (fx > 0 and fy > 0):
            raise DataError(f"{self.path / 'meta.json'}: focal length ({fx}, {fy}) of frame '{name}' is not positive")
        return fx, fy

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        depth_file = self.path / "depth" / f"{name}.png"
        rgb, raw = read_colour(self._images[name]), read_16_bit(depth_file)
        check_sizes(str(depth_file), raw, rgb)
        depth = raw.astype(np.float32) * np.float32(self._unit_m)
        if self._has_sky:
            depth[raw == SKY_VALUE] = np.inf
        if self._saturated:
            depth[raw == self._saturated] = 0.0  # that far or further: no depth that anything can be measured by
        return Sample(
            rgb=rgb,
            depth_m=depth,
            focal_px=self.focal_of(name),
            name=name,
            set_name=self.name,
            group=self.group_of(name),
            sparse=self.sparse or float(np.count_nonzero(raw)) < SPARSE_DENSITY * raw.size,
        )
