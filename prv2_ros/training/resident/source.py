# SPDX-License-Identifier: Apache-2.0
"""Where a resident run's frames come from: packs at the start, rendered scenes as they are finished."""

import collections
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from prv2_ros.training.resident.pack import read_frames, read_index
from prv2_ros.training.resident.plan import ResidentPlan
from prv2_ros.training.resident.rendering import BackgroundRenderer, RenderPlan
from prv2_ros.training.resident.store import FrameStore, StoredFrame

RENDERED, HELD_BACK, VALIDATION = "rendered", "rendered_held_back", "rendered_val"
INTAKE_S = 2.0
LONGEST_WAIT_S = 120.0
DECODERS = 8


class FrameSource:
    """The store, what sets its frames are of, and the renderers that add to it; use it as a context manager.

    Args:
        plan: of the run.
        packs: files of `prv2 pack`.
        device: where the frames are kept.

    Attributes:
        store: the frames.
        sets: name of each set.
        facts: name, licence and tag of each set; the tag is "train", or names what the set measures.
    """

    def __init__(self, plan: ResidentPlan, packs: list[Path], device: torch.device) -> None:
        self.plan, self.device = plan, device
        self.store = FrameStore(int(plan.capacity_mpx * 1e6), device)
        self.sets: list[str] = [RENDERED, HELD_BACK, VALIDATION]
        self.facts: list[dict] = [{"name": name, "licence": "Apache-2.0", "tag": "train"} for name in self.sets]
        self.facts[2]["tag"] = "rendered"
        self._arrived: collections.deque[StoredFrame] = collections.deque()
        self._next_intake = 0.0
        for pack in packs:
            self._load(pack)
        self._folder = Path(tempfile.mkdtemp(prefix="prv2_render_"))
        self._renderer = self._start_rendering(self._folder)

    def __enter__(self) -> "FrameSource":
        return self

    def __exit__(self, *_: object) -> None:
        if self._renderer:
            self._renderer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _load(self, pack: Path) -> None:
        index = read_index(pack)
        first = len(self.sets)
        self.sets += [entry["name"] for entry in index["sets"]]
        self.facts += index["sets"]
        for frame in read_frames(pack, first_set=first, workers=DECODERS):
            self.store.add(frame)

    def _start_rendering(self, folder: Path) -> BackgroundRenderer | None:
        plan = self.plan
        if not plan.render_workers:
            return None
        what = RenderPlan(plan.render_size, plan.render_views, plan.validation_scenes, plan.seed)
        renderer = BackgroundRenderer(folder, what, workers=plan.render_workers, seconds=plan.render_seconds)

        def receive() -> None:
            while True:
                going = renderer.running
                came = renderer.take(self.device, self._set_of_scene)
                self._arrived.extend(came)
                if not came:
                    if not going:
                        return
                    time.sleep(0.2)

        threading.Thread(target=receive, daemon=True).start()
        return renderer

    def _set_of_scene(self, scene: int) -> int:
        """Index of the set that a rendered scene belongs to: validation, kept from the coarse branch, or training."""
        if scene < self.plan.validation_scenes:
            return self.sets.index(VALIDATION)
        held_back = scene % self.plan.held_back == self.plan.held_back - 1
        return self.sets.index(HELD_BACK if held_back else RENDERED)

    def take(self, *, all_of_it: bool = False) -> bool:
        """Take rendered frames into the store; True where any came."""
        if not all_of_it and time.monotonic() < self._next_intake:
            return False
        self._next_intake = time.monotonic() + INTAKE_S
        came = False
        while self._arrived:
            frame = self._arrived.popleft()
            if not self.store.fits(frame):
                self._arrived.clear()
                break
            self.store.add(frame)
            came = True
        return came

    def wait_for(self, count: int) -> None:
        """Wait for this many rendered frames, at most two minutes."""
        until = time.monotonic() + LONGEST_WAIT_S
        before = len(self.store)
        while len(self.store) < before + count and time.monotonic() < until:
            time.sleep(0.2)
            self.take(all_of_it=True)

    def frames(self, chosen: Callable[[str, dict], bool]) -> Tensor:
        """Indices of the frames of the sets whose name and facts are chosen."""
        pairs = enumerate(zip(self.sets, self.facts, strict=True))
        wanted = torch.tensor([i for i, (name, fact) in pairs if chosen(name, fact)], device=self.device)
        return torch.nonzero(torch.isin(self.store.set_index, wanted))[:, 0]

    def frames_named(self, *names: str) -> Tensor:
        """Indices of the frames of these sets."""
        return self.frames(lambda name, fact: name in names)

    def tags(self) -> dict[str, Tensor]:
        """The frames that measure, by their tag."""
        tags = sorted({fact["tag"] for fact in self.facts} - {"train"})
        frames = {tag: self.frames(lambda name, fact, tag=tag: fact["tag"] == tag) for tag in tags}
        return {tag: those for tag, those in frames.items() if len(those)}

    def drawn_from(self, *, without: str | None = None) -> list[str | None]:
        """The sets' names, None for those that measure and for `without`."""
        return [
            name if fact["tag"] == "train" and name != without else None
            for name, fact in zip(self.sets, self.facts, strict=True)
        ]
