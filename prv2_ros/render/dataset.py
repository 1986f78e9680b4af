# SPDX-License-Identifier: Apache-2.0
"""Rendered frames as a folder data set: rgb/*.jpg, depth/*.png (16 bit) and meta.json.

Depth: metres = png / 256 (3.9 mm steps), 0 = no data, 65535 = sky (infinite), 65534 = 255.99 m or more.
Writing is atomic and resumable: frames that meta.json lists and whose files exist are kept; running again with
other seeds or families adds to the same set.
"""

import json
import logging
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import DataError, ImageError
from prv2_ros.render.frames import Frame, render_sequence, render_views
from prv2_ros.render.plan import SPLIT_SEEDS, SceneJob

log = logging.getLogger(__name__)

DEPTH_STEPS_PER_M = 256
SKY = 65535
FURTHEST = 65534
SAVE_EVERY = 50


def encode_depth(depth_m: np.ndarray) -> np.ndarray:
    """Metres, infinite for sky, NaN or 0 for unknown, to the 16-bit values of the depth PNG."""
    known = np.nan_to_num(depth_m, nan=0.0, posinf=0.0)
    value = np.minimum(np.maximum(known, 0) * DEPTH_STEPS_PER_M + 0.5, FURTHEST).astype(np.uint16)
    value[np.isposinf(depth_m)] = SKY
    return value


def decode_depth(value: np.ndarray) -> np.ndarray:
    """The inverse of `encode_depth`: float32 metres, 0 unknown, infinite for sky."""
    depth = value.astype(np.float32) / DEPTH_STEPS_PER_M
    depth[value == SKY] = np.inf
    return depth


def _write(path: Path, suffix: str, image: np.ndarray, options: list[int]) -> None:
    ok, data = cv2.imencode(suffix, image, options)
    if not ok:
        raise ImageError(f"cannot encode {path}")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data.tobytes())
    os.replace(temporary, path)


def write_frame(out: Path, stem: str, frame: Frame, jpeg: int) -> None:
    """Write one frame's two files; each appears whole or not at all."""
    _write(out / "depth" / f"{stem}.png", ".png", encode_depth(frame.depth_m), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    _write(out / "rgb" / f"{stem}.jpg", ".jpg", frame.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, jpeg])


def render_job(job: SceneJob) -> dict[str, dict]:
    """Render and write one scene; returns meta.json's entry of each frame by stem."""
    cv2.setNumThreads(1)
    if job.sequence:
        drawing = {"texture_px": job.texture_px} | ({} if job.samples is None else {"samples": job.samples})
        frames: Iterable[Frame] = render_sequence(
            job.family, job.seed, job.width, job.height, job.views, rate_hz=job.rate_hz, **drawing
        )
    else:
        frames = render_views(
            job.family, job.seed, job.width, job.height, job.views, texture_px=job.texture_px, samples=job.samples
        )
    entries = {}
    for stem, frame in zip(job.stems, frames, strict=True):
        jpeg = job.jpeg or frame.meta["jpeg_quality"]
        write_frame(job.out, stem, frame, jpeg)
        entries[stem] = {
            "fx": frame.fx,
            "fy": frame.fy,
            "cx": frame.cx,
            "cy": frame.cy,
            "width": job.width,
            "height": job.height,
            "split": job.split,
            **frame.meta,
            "jpeg_quality": jpeg,
        }
    return entries


class RenderedSet:
    """The folder and its meta.json, which is rewritten as frames arrive."""

    def __init__(self, out: Path) -> None:
        self.out = out
        for name in ("rgb", "depth"):
            (out / name).mkdir(parents=True, exist_ok=True)
        self._path = out / "meta.json"
        self.frames: dict[str, dict] = {}
        if self._path.is_file():
            try:
                self.frames = json.loads(self._path.read_text())["frames"]
            except (ValueError, KeyError) as error:
                raise DataError(
                    f"{self._path} is not a rendered set's meta.json ({error}); remove it to start anew"
                ) from error

    def has(self, job: SceneJob) -> bool:
        """Whether every frame of a job is listed and its two files exist.

        Raises:
            DataError: one is there in another size, or as a single view instead of a sequence's frame or the reverse;
                the names are the same.
        """
        for stem in job.stems:
            if not (
                stem in self.frames
                and (self.out / "rgb" / f"{stem}.jpg").is_file()
                and (self.out / "depth" / f"{stem}.png").is_file()
            ):
                return False
            entry = self.frames[stem]
            if (entry["width"], entry["height"]) != (job.width, job.height):
                raise DataError(
                    f"{stem} in {self.out} is {entry['width']}x{entry['height']}, asked for is "
                    f"{job.width}x{job.height}: take another folder or --seed"
                )
            if ("time_s" in entry) != job.sequence:
                there, asked = (
                    ("a sequence's frame", "a view") if "time_s" in entry else ("a view", "a sequence's frame")
                )
                raise DataError(f"{stem} in {self.out} is {there}, asked for is {asked}: take another folder or --seed")
        return True

    def save(self) -> None:
        """Write meta.json, whole or not at all."""
        splits: dict[str, list[str]] = {}
        for stem, entry in sorted(self.frames.items()):
            splits.setdefault(entry["split"], []).append(stem)
        meta = {
            "dataset": self.out.name,
            "source": "prv2 render (procedural scenes, MuJoCo)",
            "licence": "Apache-2.0",
            "depth_scale": "metres = png/256, 0 = no data",
            "depth_unit_m": 1 / DEPTH_STEPS_PER_M,
            "sky": SKY,
            "saturated": FURTHEST,
            "density": 1.0,
            "faults": f"steps of {1000 / DEPTH_STEPS_PER_M:.1f} mm; {FURTHEST}: that far or further; {SKY}: sky",
            "split_seeds": {name: list(bounds) for name, bounds in SPLIT_SEEDS.items()},
            "splits": splits,
            "frames": dict(sorted(self.frames.items())),
        }
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(meta))
        os.replace(temporary, self._path)


def render_set(jobs: list[SceneJob], workers: int = 1) -> Iterator[int]:
    """Render what is missing of the jobs, all of one folder, in worker processes.

    Yields:
        How many frames each finished scene brought, those that were there already first.

    Raises:
        RenderError: no OpenGL. DataError: the folder holds something else, or the same scenes in another size.
    """
    if not jobs:
        return
    rendered = RenderedSet(jobs[0].out)
    todo = [job for job in jobs if not rendered.has(job)]
    yield sum(job.views for job in jobs) - sum(job.views for job in todo)
    unsaved = 0
    try:
        for entries in _run(todo, workers):
            rendered.frames |= entries
            unsaved += len(entries)
            if unsaved >= SAVE_EVERY:
                rendered.save()
                unsaved = 0
            yield len(entries)
    finally:
        rendered.save()


def _run(jobs: list[SceneJob], workers: int) -> Iterator[dict[str, dict]]:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(render_job, jobs)
        return
    context = multiprocessing.get_context("spawn")  # an OpenGL context does not survive a fork
    with context.Pool(min(workers, len(jobs)), maxtasksperchild=40) as pool:
        yield from pool.imap_unordered(render_job, jobs)
