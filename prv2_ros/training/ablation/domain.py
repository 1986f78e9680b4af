# SPDX-License-Identifier: Apache-2.0
"""The study's domains: a synthetic one, and a "real" one of another sensor with ground truth like a stereo camera's."""

import json
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.data import FolderDataset
from prv2_ros.errors import DataError

UNIT_M = 1 / 256
SKY = 65535
# One camera for the whole domain: mixed colour channels, a dark tone curve, a soft lens, a noisy chip.
COLOUR_MIX = np.array([[0.75, 0.2, 0.05], [0.12, 0.7, 0.18], [0.02, 0.3, 0.78]], np.float32)
TONE_GAMMA = 1.5
BLUR_SIGMA_PX = 0.7
NOISE_LEVELS = 9.0
JPEG_QUALITY = 65
# One stereo matcher, as behind the ground truth of Cityscapes: a window that holds any of the foreground takes its
# disparity, what is thinner than the window is lost, matches are sparse, noisy and now and then wrong. The boundary
# metric forgives 4 px whatever the size of the picture, so the window is as large against those as at 2048 px.
FATTENED_PX = 9
LOST_PX = 9
LINE_STEP_PX = 3
COLUMN_STEP_PX = 2
DROPPED = 0.2
RANGE_NOISE = 0.02
OUTLIERS = 0.02


def hold_out_views(folder: Path, count: int) -> None:
    """Make `count` frames of a rendered set, evenly spread over its scenes, its test split.

    The synthetic domain is measured on frames between those of the training, so that the comparison is about the
    refiner and not about how the coarse branch takes to a scene it has never met.

    Raises:
        DataError: fewer than two frames for each that is held out.
    """
    meta_file = folder / "meta.json"
    meta = json.loads(meta_file.read_text())
    names = sorted(meta["frames"])
    if not 0 < 2 * count <= len(names):
        raise DataError(f"{folder}: {count} of {len(names)} frames to hold out; as many must remain for training")
    held_out = {names[int((k + 0.5) * len(names) / count)] for k in range(count)}
    meta["splits"] = {"train": [n for n in names if n not in held_out], "test": sorted(held_out)}
    partial = meta_file.with_suffix(".part")
    partial.write_text(json.dumps(meta))
    partial.replace(meta_file)


def another_sensor(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture, uint8 (H, W, 3), as that camera would have taken it."""
    light = (rgb.astype(np.float32) / 255.0) @ COLOUR_MIX.T
    light = cv2.GaussianBlur(np.clip(light, 0, 1) ** TONE_GAMMA, (0, 0), BLUR_SIGMA_PX)
    levels = light * 255.0 + rng.normal(0, NOISE_LEVELS, rgb.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def stereo_matches(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """About 13 % of the pixels with a noisy depth, 0 elsewhere; near objects are too wide, thin ones are not there."""
    disparity = np.where(np.isfinite(depth_m) & (depth_m > 0), 1 / np.maximum(depth_m, UNIT_M), 0).astype(np.float32)
    disparity = cv2.morphologyEx(disparity, cv2.MORPH_OPEN, np.ones((LOST_PX, LOST_PX), np.uint8))
    disparity = cv2.dilate(disparity, np.ones((2 * FATTENED_PX + 1, 2 * FATTENED_PX + 1), np.uint8))
    sparse = np.zeros_like(depth_m)
    places = tuple(slice(int(rng.integers(step)), None, step) for step in (LINE_STEP_PX, COLUMN_STEP_PX))
    seen = disparity[places]
    returns = np.divide(1, seen, out=np.zeros_like(seen), where=seen > 0) * (1 + rng.normal(0, RANGE_NOISE, seen.shape))
    wrong = rng.random(seen.shape) < OUTLIERS
    returns[wrong] *= rng.uniform(0.6, 1.4, int(wrong.sum()))
    sparse[places] = np.where(rng.random(seen.shape) >= DROPPED, returns, 0)
    return sparse


def write_real_domain(source: Path, out: Path, *, split: str, sparse: bool) -> int:
    """Turn one split of a rendered set into a folder data set of the real domain.

    Args:
        source: a set that `prv2 render` wrote.
        out: the new set; left alone if it is complete.
        split: of the source.
        sparse: stereo matches to train on; otherwise the exact depth, to measure with.

    Returns:
        How many frames the set has.
    """
    dataset = FolderDataset(source, split)
    meta_file = out / "meta.json"
    if meta_file.is_file():
        return len(json.loads(meta_file.read_text())["frames"])
    for part in ("rgb", "depth"):
        (out / part).mkdir(parents=True, exist_ok=True)
    frames = {}
    for index in range(len(dataset)):
        sample = dataset[index]
        rng = np.random.default_rng([index, int(sparse)])
        picture = another_sensor(sample.rgb, rng)
        depth = stereo_matches(sample.depth_m, rng) if sparse else sample.depth_m
        steps = np.where(np.isfinite(depth), np.minimum(depth / UNIT_M, SKY - 1), SKY)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(str(out / "rgb" / f"{sample.name}.jpg"), picture[..., ::-1], quality)
        cv2.imwrite(str(out / "depth" / f"{sample.name}.png"), np.rint(steps).astype(np.uint16))
        frames[sample.name] = {"fx": sample.focal_px[0], "fy": sample.focal_px[1], "group": sample.group}
    meta = {
        "dataset": out.name,
        "source": f"{source.name}, {split}, seen by another camera, ground truth of a stereo matcher",
        "licence": dataset.licence,
        "depth_unit_m": UNIT_M,
        "sky": SKY,
        "density": "sparse" if sparse else "dense",
        "frames": frames,
    }
    meta_file.write_text(json.dumps(meta))
    return len(frames)
