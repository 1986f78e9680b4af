# SPDX-License-Identifier: Apache-2.0
"""Scenes rendered in worker processes while the device trains; frames reach the store without files being decoded."""

import io
import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from prv2_ros.media.images import write_whole
from prv2_ros.render.families import FAMILIES
from prv2_ros.render.frames import render_views
from prv2_ros.render.plan import SPLIT_SEEDS
from prv2_ros.training.resident.store import StoredFrame, encode_log_depth

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderPlan:
    """What is rendered.

    Attributes:
        size: (height, width) in pixels.
        views: cameras a scene.
        validation_scenes: number of scenes of the validation split, which come first, two cameras each.
        seed: which scenes, in thousands.
    """

    size: tuple[int, int]
    views: int
    validation_scenes: int = 0
    seed: int = 0


def scene_frames(family: str, seed: int, size: tuple[int, int], views: int, set_index: int) -> list[StoredFrame]:
    """Views of one scene as the store takes them, JPEG's losses included.

    Args:
        family, seed: of the scene.
        size: (height, width) in pixels.
        views: cameras.
        set_index: of the frames.
    """
    frames = []
    for frame in render_views(family, seed, size[1], size[0], views):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(frame.meta["jpeg_quality"])]
        _, data = cv2.imencode(".jpg", frame.rgb[..., ::-1], quality)
        rgb = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        code = encode_log_depth(frame.depth_m)
        frames.append(StoredFrame.of(rgb, code, None, (frame.fx, frame.fy), set_index, exact=True))
    return frames


def _work(folder: str, number: int, workers: int, plan: RenderPlan, until: float) -> None:
    """Render every `workers`-th scene into files, until the time is over."""
    cv2.setNumThreads(1)
    names = list(FAMILIES)
    scene = number
    while time.time() < until:
        validation = scene < plan.validation_scenes
        first = SPLIT_SEEDS["val" if validation else "train"][0] + 1000 * plan.seed
        family, seed = names[scene % len(names)], first + scene
        try:
            frames = scene_frames(family, seed, plan.size, 2 if validation else plan.views, 0)
        except Exception:  # noqa: BLE001 - one scene that cannot be drawn must not end the worker
            _log.exception("rendering %s %d failed", family, seed)
            if scene == number:
                return  # the first one already: there is no OpenGL here
            frames = []
        for view, frame in enumerate(frames):
            data = io.BytesIO()
            np.savez(data, rgb=frame.rgb.numpy(), code=frame.depth_code.numpy(), focal=frame.focal)
            write_whole(Path(folder) / f"{scene:06d}_{view}.npz", data.getvalue())
        scene += workers


class BackgroundRenderer:
    """Renders into a folder until a time; `take` gives what has come since the last call.

    Args:
        folder: of the files, best in memory.
        plan: what is rendered.
        workers: processes.
        seconds: how long they go on.
    """

    def __init__(self, folder: Path, plan: RenderPlan, *, workers: int, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        context = multiprocessing.get_context("spawn")  # an OpenGL context does not survive a fork
        until = time.time() + seconds
        self._processes = [
            context.Process(target=_work, args=(str(folder), n, workers, plan, until), daemon=True)
            for n in range(workers)
        ]
        for process in self._processes:
            process.start()

    @property
    def running(self) -> bool:
        """Whether more frames may come."""
        return any(process.is_alive() for process in self._processes)

    def take(self, device: torch.device, set_of_scene: Callable[[int], int], *, most: int = 16) -> list[StoredFrame]:
        """Up to `most` frames that have arrived, oldest first, on a device; their files are removed."""
        frames = []
        for path in sorted(self.folder.glob("*.npz"))[:most]:
            with np.load(path) as file:
                rgb, code = (torch.from_numpy(file[name]) for name in ("rgb", "code"))
                focal = (float(file["focal"][0]), float(file["focal"][1]))
            path.unlink()
            frame = StoredFrame(rgb, code, None, focal, 0, exact=True)
            frames.append(frame.to(device, set_of_scene(int(path.name.split("_")[0]))))
        return frames

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(5)
