# SPDX-License-Identifier: Apache-2.0
"""A rendered data set on disk: rgb/*.jpg, depth/*.png and meta.json, a folder data set.

Depth: metres = png / 256 (3.9 mm steps), 0 = no data, 65535 = sky (infinite), 65534 = 255.99 m or more.
Writing is atomic and resumable: frames that meta.json lists and whose files exist are kept; running again with
other seeds or families adds to the set.
"""

import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import DataError
from prv2_ros.media.images import write_image, write_whole
from prv2_ros.render.frames import Frame, render_sequence, render_views
from prv2_ros.render.plan import SPLIT_SEEDS, SceneJob

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


def write_frame(out: Path, stem: str, frame: Frame, jpeg: int) -> None:
    """Write the two files of a frame, the picture with the quality `jpeg`."""
    write_image(out / "rgb" / f"{stem}.jpg", frame.rgb, jpeg_quality=jpeg)
    png = cv2.imencode(".png", encode_depth(frame.depth_m), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    write_whole(out / "depth" / f"{stem}.png", png.tobytes())


def render_job(job: SceneJob) -> dict[str, dict]:
    """Render and write one scene; returns meta.json's entry of each frame by stem."""
    cv2.setNumThreads(1)
    scene = (job.family, job.seed, job.width, job.height, job.views)
    options = {"texture_px": job.texture_px} | ({} if job.samples is None else {"samples": job.samples})
    if job.sequence:
        frames = render_sequence(*scene, rate_hz=job.rate_hz, **options)
    else:
        frames = render_views(*scene, **options)
    entries = {}
    for stem, frame in zip(job.stems, frames, strict=True):
        jpeg = job.jpeg or frame.meta["jpeg_quality"]
        write_frame(job.out, stem, frame, jpeg)
        entry = {name: getattr(frame, name) for name in ("fx", "fy", "cx", "cy")}
        entry |= {"width": job.width, "height": job.height, "split": job.split, **frame.meta, "jpeg_quality": jpeg}
        entries[stem] = entry
    return entries


class RenderedSet:
    """The folder and its meta.json, which is rewritten as frames are added."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._path = out / "meta.json"
        self.frames: dict[str, dict] = {}
        if self._path.is_file():
            try:
                self.frames = json.loads(self._path.read_text())["frames"]
            except (ValueError, KeyError) as error:
                text = f"{self._path} is not the meta.json of a rendered set ({error}); delete it to start again"
                raise DataError(text) from error

    def has(self, job: SceneJob) -> bool:
        """Whether every frame of a job is listed and its two files exist.

        Raises:
            DataError: a frame has the same name but another size, or is a single view instead of a sequence's frame
                or the reverse.
        """
        for stem in job.stems:
            files = (self.out / "rgb" / f"{stem}.jpg", self.out / "depth" / f"{stem}.png")
            if stem not in self.frames or not all(file.is_file() for file in files):
                return False
            entry = self.frames[stem]
            for there, asked in (
                (f"{entry['width']}x{entry['height']}", f"{job.width}x{job.height}"),
                (_what("time_s" in entry), _what(job.sequence)),
            ):
                if there != asked:
                    hint = "take another folder or --seed"
                    raise DataError(f"{stem} in {self.out} is {there}, requested is {asked}: {hint}")
        return True

    def save(self) -> None:
        """Write meta.json."""
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
        write_whole(self._path, json.dumps(meta).encode())


def _what(sequence: bool) -> str:
    return "a sequence's frame" if sequence else "a view"


def render_set(jobs: list[SceneJob], workers: int = 1) -> Iterator[int]:
    """Render the missing frames of the jobs, all of one folder, in worker processes.

    Yields:
        First the number of frames that exist already, then the number that each finished scene added.

    Raises:
        RenderError: no OpenGL. DataError: the folder contains something else, or the same scenes in another size.
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
