# SPDX-License-Identifier: Apache-2.0
"""Packs: data sets shrunk into one zip file, small enough to travel to a GPU and quick to decode there."""

import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.data import FrameSet
from prv2_ros.errors import DataError
from prv2_ros.training.resident.store import StoredFrame, encode_log_depth

INDEX = "index.json"
CODE_STEP = 32  # 0.6 % of depth: PNG then needs a third
EXACT_STEP = 8
CHUNK = 64  # frames that a thread decodes at a time


@dataclass(frozen=True)
class PackedSize:
    """How large frames are stored.

    Attributes:
        pixels: colour pixels a frame at most.
        depth_share: sides of the depth map as a share of the picture's.
        quality: of WebP.
    """

    pixels: int = 512 * 384
    depth_share: float = 0.5
    quality: int = 80


def _nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)


def _shrunk_depth(depth_m: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest where depth is dense; of single returns the nearest valid one of each cell, so that none are lost."""
    if depth_m.shape == size:
        return depth_m
    if np.count_nonzero(depth_m) > 0.3 * depth_m.size:
        return _nearest(depth_m, size)
    rows, columns = np.nonzero(depth_m)
    out = np.full(size, np.inf, np.float32)
    places = rows * size[0] // depth_m.shape[0], columns * size[1] // depth_m.shape[1]
    np.minimum.at(out, places, depth_m[rows, columns])
    return np.where(np.isinf(out), 0, out).astype(np.float32)


def _encode(suffix: str, image: np.ndarray, options: list[int]) -> bytes:
    ok, data = cv2.imencode(suffix, image, options)
    if not ok:
        raise DataError(f"cannot encode an image of shape {image.shape} as {suffix}")
    return data.tobytes()


class PackWriter:
    """Writes a pack; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._frames: list[dict] = []
        self._sets: list[dict] = []

    def __enter__(self) -> "PackWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.writestr(INDEX, json.dumps({"sets": self._sets, "frames": self._frames}))
        self._zip.close()

    def add_set(
        self,
        dataset: FrameSet,
        size: PackedSize,
        *,
        tag: str = "train",
        exact: bool = False,
        limit: int = 0,
        disparity: Path | None = None,
    ) -> int:
        """Add the frames of a data set with depth.

        Args:
            dataset: where they come from.
            size: how large they are stored.
            tag: "train", or a name of what they measure.
            exact: depth has exact edges.
            limit: frames at most, evenly chosen; 0 is all.
            disparity: folder of NAME.png, relative inverse depth of the same frames.

        Returns:
            How many frames were added.
        """
        chosen = range(len(dataset))
        if limit and len(dataset) > limit:
            chosen = np.linspace(0, len(dataset) - 1, limit).astype(int)
        number = self._new_set(dataset.name, dataset.licence, tag, len(chosen))
        for index in chosen:
            sample = dataset[int(index)]
            rgb, focal = _shrink(sample.rgb, sample.focal_px, size.pixels)
            share = 1.0 if exact else size.depth_share
            shape = tuple(max(1, round(side * share)) for side in rgb.shape[:2])
            code = encode_log_depth(_shrunk_depth(sample.depth_m, shape), step=EXACT_STEP if exact else CODE_STEP)
            relative = disparity / f"{sample.name}.png" if disparity else None
            grey = cv2.imread(str(relative), cv2.IMREAD_GRAYSCALE) if relative and relative.is_file() else None
            self._add(
                number, rgb, size.quality, focal=focal, code=code, disparity=grey, sparse=sample.sparse, exact=exact
            )
        return len(chosen)

    def add_relative(self, folder: Path, size: PackedSize) -> int:
        """Add photographs with relative inverse depth: rgb/NAME.jpg, disparity/NAME.png; returns how many."""
        pictures = sorted((folder / "rgb").glob("*.jpg"))
        if not pictures:
            raise DataError(f"{folder / 'rgb'} holds no .jpg picture")
        number = self._new_set(folder.name, "see its meta.json", "train", len(pictures))
        for picture in pictures:
            bgr = cv2.imread(str(picture))
            grey = cv2.imread(str(folder / "disparity" / f"{picture.stem}.png"), cv2.IMREAD_GRAYSCALE)
            if bgr is None or grey is None:
                raise DataError(f"{picture} or its disparity map cannot be read")
            rgb, _ = _shrink(bgr[..., ::-1], (1.0, 1.0), size.pixels)
            small = cv2.resize(grey, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
            self._add(number, rgb, size.quality, focal=(float(rgb.shape[1]), float(rgb.shape[1])), disparity=small)
        return len(pictures)

    def _new_set(self, name: str, licence: str, tag: str, frames: int) -> int:
        self._sets.append({"name": name, "licence": licence, "tag": tag, "frames": frames})
        return len(self._sets) - 1

    def _add(
        self,
        set_index: int,
        rgb: np.ndarray,
        quality: int,
        *,
        focal: tuple[float, float],
        code: np.ndarray | None = None,
        disparity: np.ndarray | None = None,
        sparse: bool = False,
        exact: bool = False,
    ) -> None:
        name = f"{len(self._frames):05d}"
        self._zip.writestr(f"{name}.webp", _encode(".webp", rgb[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality]))
        if code is not None:
            self._zip.writestr(f"{name}.depth.png", _encode(".png", code, [cv2.IMWRITE_PNG_COMPRESSION, 9]))
        if disparity is not None:
            self._zip.writestr(f"{name}.disparity.png", _encode(".png", disparity, [cv2.IMWRITE_PNG_COMPRESSION, 9]))
        self._frames.append(
            {
                "name": name,
                "set": set_index,
                "focal": focal,
                "depth": code is not None,
                "disparity": disparity is not None,
                "sparse": bool(sparse),
                "exact": exact,
            }
        )


def _shrink(rgb: np.ndarray, focal: tuple[float, float], pixels: int) -> tuple[np.ndarray, tuple[float, float]]:
    height, width = rgb.shape[:2]
    share = (pixels / (height * width)) ** 0.5
    if share >= 1:
        return np.ascontiguousarray(rgb), (float(focal[0]), float(focal[1]))
    size = max(1, round(height * share)), max(1, round(width * share))
    small = cv2.resize(np.ascontiguousarray(rgb), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return small, (focal[0] * size[1] / width, focal[1] * size[0] / height)


def read_index(path: Path) -> dict:
    """The index of a pack: sets and frames.

    Raises:
        DataError: the file is no pack.
    """
    try:
        with zipfile.ZipFile(path) as pack:
            return json.loads(pack.read(INDEX))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a pack ({error}); write one with prv2 pack") from error


def _decode(path: Path, entries: list[dict], first_set: int) -> list[StoredFrame]:
    frames = []
    with zipfile.ZipFile(path) as pack:

        def image(name: str, flags: int) -> np.ndarray:
            return cv2.imdecode(np.frombuffer(pack.read(name), np.uint8), flags)

        for entry in entries:
            name = entry["name"]
            frames.append(
                StoredFrame.of(
                    image(f"{name}.webp", cv2.IMREAD_COLOR)[..., ::-1],
                    image(f"{name}.depth.png", cv2.IMREAD_UNCHANGED) if entry["depth"] else None,
                    image(f"{name}.disparity.png", cv2.IMREAD_GRAYSCALE) if entry["disparity"] else None,
                    (entry["focal"][0], entry["focal"][1]),
                    first_set + entry["set"],
                    sparse=entry["sparse"],
                    exact=entry["exact"],
                )
            )
    return frames


def read_frames(path: Path, *, first_set: int = 0, workers: int = 1) -> Iterator[StoredFrame]:
    """Every frame of a pack in its order.

    Args:
        path: the pack.
        first_set: added to the frames' set indices.
        workers: threads that decode.
    """
    entries = read_index(path)["frames"]
    pieces = [entries[i : i + CHUNK] for i in range(0, len(entries), CHUNK)]
    if workers <= 1:
        for piece in pieces:
            yield from _decode(path, piece, first_set)
        return
    with ThreadPoolExecutor(workers) as pool:  # OpenCV decodes outside of the interpreter lock
        for frames in pool.map(_decode, [path] * len(pieces), pieces, [first_set] * len(pieces)):
            yield from frames
