# SPDX-License-Identifier: Apache-2.0
"""A whole resident run: frames onto the device, scenes rendered meanwhile, coarse branch, refiner, weights."""

import collections
import json
import logging
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.training.recipe import RecipeError
from prv2_ros.training.resident.loop import fit
from prv2_ros.training.resident.pack import read_frames, read_index
from prv2_ros.training.resident.plan import ResidentPlan
from prv2_ros.training.resident.rendering import BackgroundRenderer, RenderPlan
from prv2_ros.training.resident.store import FrameStore, StoredFrame
from prv2_ros.training.resident.tasks import CoarseTask, RefinerTask, frame_weights, refined_log_depth
from prv2_ros.training.resident.views import Views
from prv2_ros.training.tasks import load_part

RENDERED, HELD_BACK, VALIDATION = "rendered", "rendered_held_back", "rendered_val"
VALIDATION_TILES = 32
INTAKE_S = 2.0

_log = logging.getLogger(__name__)


class ResidentRun:
    """One run of a plan.

    Args:
        plan: what to do.
        packs: files of `prv2 pack`.
        out: folder of checkpoints, losses and weights.
        device: where everything happens.
        resume: go on from the checkpoints in `out`.
    """

    def __init__(
        self, plan: ResidentPlan, packs: list[Path], out: Path, device: torch.device, *, resume: bool = False
    ) -> None:
        self.plan, self.packs, self.out, self.device, self.resume = plan, packs, out, device, resume
        out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.store = FrameStore(int(plan.capacity_mpx * 1e6), device)
        self.sets: list[str] = [RENDERED, HELD_BACK, VALIDATION]
        self.facts: list[dict] = [{"name": name, "licence": "Apache-2.0", "tag": "train"} for name in self.sets]
        self.facts[2]["tag"] = "rendered"
        self._arrived: collections.deque[StoredFrame] = collections.deque()
        self._next_intake = 0.0
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        _log.info("[%6.1f s] %s", time.monotonic() - self._started, text)

    def run(self) -> Path:
        """Train both networks; returns the weights file."""
        plan = self.plan
        folder = Path(tempfile.mkdtemp(prefix="prv2_render_"))
        renderer = self._start_rendering(folder)
        try:
            self._load_packs()
            coarse = self._start(create_coarse(plan.coarse), plan.init_coarse, "coarse")
            if plan.coarse_seconds > 0:
                coarse.set_drop_path(plan.drop_path)
            coarse, task = self._train_coarse(coarse)
            refiner = self._start(create_refiner(plan.refiner), plan.init_refiner, "refiner")
            refiner = self._train_refiner(refiner, task, coarse)
        finally:
            if renderer:
                renderer.close()
            shutil.rmtree(folder, ignore_errors=True)
        return self._write(coarse, refiner)

    def _start(self, module: nn.Module, source: str | None, part: str) -> nn.Module:
        """A network on the device, with what the plan lets it start from."""
        if source and source.endswith(".pt"):
            try:
                module.load_state_dict(torch.load(source, map_location="cpu", weights_only=True))
            except (OSError, RuntimeError, pickle.UnpicklingError) as error:
                raise RecipeError(f"the {part} cannot start from {source}: {error}") from error
        elif source:
            load_part(module, source, part)
        return module.float().to(self.device, memory_format=torch.channels_last)

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

    def _intake(self, *, all_of_it: bool = False) -> bool:
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

    def _load_packs(self) -> None:
        workers = max(1, self.plan.render_workers // 2)
        for pack in self.packs:
            index = read_index(pack)
            first = len(self.sets)
            self.sets += [entry["name"] for entry in index["sets"]]
            self.facts += index["sets"]
            for frame in read_frames(pack, first_set=first, workers=workers):
                self.store.add(frame)
        self.say(f"{len(self.store)} frames of {len(self.sets)} sets on {self.device}")

    def _frames(self, chosen: Callable[[str, dict], bool]) -> Tensor:
        """Indices of the frames of the sets whose name and facts are chosen."""
        pairs = enumerate(zip(self.sets, self.facts, strict=True))
        wanted = torch.tensor([i for i, (name, fact) in pairs if chosen(name, fact)], device=self.device)
        return torch.nonzero(torch.isin(self.store.set_index, wanted))[:, 0]

    def _frames_named(self, *names: str) -> Tensor:
        return self._frames(lambda name, fact: name in names)

    def _tags(self) -> dict[str, Tensor]:
        """The frames that measure, by their tag."""
        tags = sorted({fact["tag"] for fact in self.facts} - {"train"})
        frames = {tag: self._frames(lambda name, fact, tag=tag: fact["tag"] == tag) for tag in tags}
        return {tag: those for tag, those in frames.items() if len(those)}

    def _train_coarse(self, coarse: nn.Module) -> tuple[nn.Module, CoarseTask]:
        plan = self.plan
        if plan.render_workers:
            self._wait_for_frames(plan.render_workers)
        task = CoarseTask(coarse, self.store, plan)

        def weigh() -> None:
            task.weights = frame_weights(self.store, self._drawn_from(without=HELD_BACK), plan.coarse_sets)

        def step() -> tuple[Tensor, dict[str, Tensor]]:
            if self._intake():
                weigh()
            return task.step()

        weigh()
        encoder = list(coarse.encoder.parameters())
        known = {id(p) for p in encoder}
        groups = [([p for p in coarse.parameters() if id(p) not in known], 1.0), (encoder, plan.encoder_lr_factor)]
        model = fit(
            "coarse",
            coarse,
            step,
            groups=groups,
            lr=plan.coarse_lr,
            seconds=plan.coarse_seconds,
            most_steps=plan.coarse_steps,
            out=self.out,
            weight_decay=plan.weight_decay,
            ema=plan.ema,
            validate=lambda m: task.validate(m, self._tags()),
            validate_at=(200, 1000, 3000),
            resume=self.resume,
        )
        self.say(f"coarse branch trained; {len(self.store)} frames; {task.validate(model, self._tags())}")
        return model, task

    def _wait_for_frames(self, count: int) -> None:
        until = time.monotonic() + 120
        before = len(self.store)
        while len(self.store) < before + count and time.monotonic() < until:
            time.sleep(0.2)
            self._intake(all_of_it=True)

    def _train_refiner(self, refiner: nn.Module, coarse_task: CoarseTask, coarse: nn.Module) -> nn.Module:
        plan = self.plan
        empty = torch.zeros(0, 1, *coarse_task.half, dtype=torch.float16, device=self.device)
        task = RefinerTask(refiner, self.store, plan, empty, torch.zeros(0, dtype=torch.long, device=self.device))

        def extend() -> None:
            """Give the task the frames that came since, with the coarse depth of those it may train beside."""
            new = torch.arange(len(task.coarse_row), len(self.store), device=self.device)
            beside = new[torch.isin(new, self._frames_named(HELD_BACK, VALIDATION)) | ~self.store.exact[new]]
            row = torch.full((len(new),), -1, device=self.device)
            if len(beside):
                depth = coarse_task.depth_of(coarse, beside).half()
                row[beside - new[0]] = len(task.coarse_depth) + torch.arange(len(beside), device=self.device)
                task.coarse_depth = torch.cat((task.coarse_depth, depth))
            task.coarse_row = torch.cat((task.coarse_row, row))
            rendered = plan.refiner_sets.get(RENDERED, 0.0)
            weights = {**plan.refiner_sets, RENDERED: rendered / 2, HELD_BACK: rendered / 2}
            task.weights = frame_weights(self.store, self._drawn_from(), weights)

        def step() -> tuple[Tensor, dict[str, Tensor]]:
            if self._intake():
                extend()
            return task.step()

        self._intake(all_of_it=True)
        extend()
        tiles = self._validation_tiles(task)
        model = fit(
            "refiner",
            refiner,
            step,
            groups=[(list(refiner.parameters()), 1.0)],
            lr=plan.refiner_lr,
            seconds=plan.refiner_seconds,
            most_steps=plan.refiner_steps,
            out=self.out,
            weight_decay=plan.weight_decay,
            ema=plan.ema,
            validate=(lambda m: measure_tiles(m, task, tiles)) if tiles else None,
            validate_at=plan.validate_at,
            resume=self.resume,
        )
        self.say(f"refiner trained; {measure_tiles(model, task, tiles) if tiles else 'no validation tiles'}")
        return model

    def _drawn_from(self, *, without: str | None = None) -> list[str | None]:
        """The sets' names, None for those that measure and for `without`."""
        return [
            name if fact["tag"] == "train" and name != without else None
            for name, fact in zip(self.sets, self.facts, strict=True)
        ]

    def _validation_tiles(self, task: RefinerTask) -> dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Fixed tiles at process size beside the coarse branch and beside exact depth reduced 8 times."""
        frames = self._frames_named(VALIDATION)
        if not len(frames):
            return {}
        generator = torch.Generator().manual_seed(7)
        frames = frames.repeat(VALIDATION_TILES // len(frames) + 1)[:VALIDATION_TILES]
        size_px = self.store.size_px(frames)
        height, width = self.plan.process_size
        size = torch.stack((1.25 * width / size_px[:, 1], height / size_px[:, 0]), 1).clamp(max=1)
        place = torch.rand(len(frames), 2, generator=generator).to(self.device)
        none = torch.zeros(len(frames), device=self.device)
        views = Views(frames, size / 2 + place * (1 - size), size, none > 0, none)
        state = torch.get_rng_state()
        torch.manual_seed(7)
        out = {
            name: task.tiles(frames, views, self.plan.process_size, (none if name == "worse" else none + 1) > 0)
            for name in ("branch", "worse")
        }
        torch.set_rng_state(state)
        return out

    def _write(self, coarse: nn.Module, refiner: nn.Module) -> Path:
        plan = self.plan
        history = {
            part: json.loads(log.read_text().splitlines()[-1])
            for part in ("coarse", "refiner")
            if (log := self.out / f"{part}.jsonl").is_file()
        }
        counts = torch.bincount(self.store.set_index, minlength=len(self.sets)).tolist()
        used = [
            {"name": fact["name"], "licence": fact["licence"], "frames": count}
            for fact, count in zip(self.facts, counts, strict=True)
            if fact["tag"] == "train" and count
        ]
        header = WeightsHeader(
            variant=plan.refiner,
            coarse=plan.coarse,
            coarse_channels=(),
            process_size=plan.process_size,
            canonical_focal_px=plan.canonical_focal_px,
            min_depth_m=0.05,
            max_depth_m=plan.max_depth_m,
            provenance={"plan": plan.as_dict(), "sets": used, "device": _device_name(self.device), "measured": history},
        )
        path = self.out / "weights.safetensors"
        save_weights(path, refiner=refiner, coarse=coarse, header=header)
        self.say(f"weights in {path}")
        return path


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


@torch.no_grad()
def measure_tiles(
    model: nn.Module, task: RefinerTask, tiles: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]
) -> dict[str, float]:
    """Boundary F1, L1 and gradient loss of log depth on fixed tiles, before and after refining."""
    scores: dict[str, float] = {}
    for name, (rgb, target, coarse_log, sky) in tiles.items():
        refined = torch.cat(
            [refined_log_depth(model, r, c) for r, c in zip(rgb.split(8), coarse_log.split(8), strict=True)]
        )
        for what, log_depth in (("coarse", coarse_log), ("refined", refined)):
            truth = target[:, 0].cpu().numpy()
            f1 = [
                boundary_metrics(d, t)["f1"]
                for d, t in zip(log_depth.exp()[:, 0].cpu().numpy(), truth, strict=True)
                if (np.isfinite(t) & (t > 0) & (t < 80)).any()
            ]
            losses = task.loss_of(log_depth, target, sky)
            scores |= {f"{name}_{what}_f1": float(np.mean(f1))} | {f"{name}_{what}_{k}": v for k, v in losses.items()}
    return scores


def run_plan(plan: ResidentPlan, packs: list[Path], out: Path, *, device: str = "auto", resume: bool = False) -> Path:
    """Train both networks of a plan; returns the weights file.

    Args:
        plan: what to do.
        packs: files of `prv2 pack`.
        out: folder of results.
        device: "auto", "cpu", "cuda" or "cuda:<index>".
        resume: go on from the checkpoints in `out`.
    """
    cv2.setNumThreads(1)
    torch.set_flush_denormal(True)
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if name.startswith("cuda"):
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return ResidentRun(plan, packs, out, torch.device(name), resume=resume).run()


__all__ = ["ResidentRun", "measure_tiles", "run_plan"]
