# SPDX-License-Identifier: Apache-2.0
"""A whole resident run: frames onto the device, scenes rendered meanwhile, coarse branch, refiner, weights."""

import json
import logging
import pickle
import time
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.training.export import git_commit
from prv2_ros.training.optimisation import learning_rates
from prv2_ros.training.recipe import RecipeError
from prv2_ros.training.resident.loop import fit
from prv2_ros.training.resident.measure import measure_tiles, validation_tiles
from prv2_ros.training.resident.plan import ResidentPlan
from prv2_ros.training.resident.source import HELD_BACK, RENDERED, VALIDATION, FrameSource
from prv2_ros.training.resident.tasks import CoarseTask, RefinerTask, frame_weights, layout
from prv2_ros.training.tasks import load_part

_log = logging.getLogger(__name__)


class ResidentRun:
    """One run of a plan.

    Args:
        plan: what to do.
        source: the frames.
        out: folder of checkpoints, losses and weights.
        resume: go on from the checkpoints in `out`.
    """

    def __init__(self, plan: ResidentPlan, source: FrameSource, out: Path, *, resume: bool = False) -> None:
        self.plan, self.source, self.out, self.resume = plan, source, out, resume
        self.device = source.device
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Log one line with the seconds since the start."""
        _log.info("[%6.1f s] %s", time.monotonic() - self._started, text)

    def run(self) -> Path:
        """Train both networks; returns the weights file."""
        plan = self.plan
        self.say(f"{len(self.source.store)} frames of {len(self.source.sets)} sets on {self.device}")
        coarse = self._start(create_coarse(plan.coarse), plan.init_coarse, "coarse")
        if plan.coarse_seconds > 0:
            coarse.set_drop_path(plan.drop_path)
        coarse, task = self._train_coarse(coarse)
        refiner = self._start(create_refiner(plan.refiner), plan.init_refiner, "refiner")
        refiner = self._train_refiner(refiner, task, coarse)
        return self._write(coarse, refiner)

    def _start(self, module: nn.Module, source: str | None, part: str) -> nn.Module:
        """A network on the device, with what the plan lets it start from."""
        if source and source.endswith(".pt"):
            try:
                module.load_state_dict(torch.load(source, map_location="cpu", weights_only=True))
            except (OSError, RuntimeError, pickle.UnpicklingError) as error:
                raise RecipeError(f"the {part} cannot start from {source}: {error}") from error
        elif source:
            load_part(module, source, part, kind=self.plan.coarse)
        return module.float().to(self.device, memory_format=layout(part, self.device))

    def _train_coarse(self, coarse: nn.Module) -> tuple[nn.Module, CoarseTask]:
        plan = self.plan
        if plan.render_workers:
            self.source.wait_for(plan.render_workers)
        task = CoarseTask(coarse, self.source.store, plan)

        def weigh() -> None:
            task.weights = frame_weights(self.source.store, self.source.drawn_from(without=HELD_BACK), plan.coarse_sets)

        def step() -> tuple[Tensor, dict[str, Tensor]]:
            if self.source.take():
                weigh()
            return task.step()

        weigh()
        model = fit(
            "coarse",
            coarse,
            step,
            groups=learning_rates(coarse, coarse.encoder, plan.encoder_lr_factor),
            lr=plan.coarse_lr,
            seconds=plan.coarse_seconds,
            most_steps=plan.coarse_steps,
            out=self.out,
            weight_decay=plan.weight_decay,
            ema=plan.ema,
            validate=lambda m: task.validate(m, self.source.tags()),
            validate_at=(200, 1000, 3000),
            resume=self.resume,
        )
        self.say(f"coarse branch trained; {len(self.source.store)} frames; {task.validate(model, self.source.tags())}")
        return model, task

    def _train_refiner(self, refiner: nn.Module, coarse_task: CoarseTask, coarse: nn.Module) -> nn.Module:
        plan, store = self.plan, self.source.store
        empty = torch.zeros(0, 1, *coarse_task.half, dtype=torch.float16, device=self.device)
        no_rows = torch.zeros(0, dtype=torch.long, device=self.device)
        task = RefinerTask(refiner, store, plan, empty, no_rows)

        def extend() -> None:
            """Give the task the frames that came since, with the coarse depth of those it may train beside."""
            new = torch.arange(len(task.coarse_row), len(store), device=self.device)
            unseen = torch.isin(new, self.source.frames_named(HELD_BACK, VALIDATION))
            beside = new[unseen | ~store.exact[new]]
            row = torch.full((len(new),), -1, device=self.device)
            if len(beside):
                depth = coarse_task.depth_of(coarse, beside).half()
                row[beside - new[0]] = len(task.coarse_depth) + torch.arange(len(beside), device=self.device)
                task.coarse_depth = torch.cat((task.coarse_depth, depth))
            task.coarse_row = torch.cat((task.coarse_row, row))
            rendered = plan.refiner_sets.get(RENDERED, 0.0)
            weights = {**plan.refiner_sets, RENDERED: rendered / 2, HELD_BACK: rendered / 2}
            task.weights = frame_weights(store, self.source.drawn_from(), weights)

        def step() -> tuple[Tensor, dict[str, Tensor]]:
            if self.source.take():
                extend()
            return task.step()

        self.source.take(all_of_it=True)
        extend()
        tiles = validation_tiles(task, self.source.frames_named(VALIDATION))
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

    def _write(self, coarse: nn.Module, refiner: nn.Module) -> Path:
        plan = self.plan
        history = {
            part: json.loads(log.read_text().splitlines()[-1])
            for part in ("coarse", "refiner")
            if (log := self.out / f"{part}.jsonl").is_file()
        }
        counts = torch.bincount(self.source.store.set_index, minlength=len(self.source.sets)).tolist()
        used = [
            {"name": fact["name"], "licence": fact["licence"], "frames": count}
            for fact, count in zip(self.source.facts, counts, strict=True)
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
            provenance={
                "commit": git_commit(),
                "plan": plan.as_dict(),
                "sets": used,
                "device": _device_name(self.device),
                "measured": history,
            },
        )
        path = self.out / "weights.safetensors"
        save_weights(path, refiner=refiner, coarse=coarse, header=header)
        self.say(f"weights in {path}")
        return path


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


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
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    with FrameSource(plan, packs, torch.device(name)) as source:
        return ResidentRun(plan, source, out, resume=resume).run()
