# SPDX-License-Identifier: Apache-2.0
"""A training loop that fills a given time: rate by the share of it that has passed, averaged weights, checkpoints."""

import copy
import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.training.optimisation import average_towards
from prv2_ros.training.recipe import NonFiniteLossError

_log = logging.getLogger(__name__)

MOST_FAULTS = 3
CLIP = 5.0
CHECKPOINT_S = 60.0

Step = Callable[[], tuple[Tensor, dict[str, Tensor]]]


class AveragedModel:
    """Exponential mean of a module's tensors and batch statistics, slower as training continues."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    def update(self, module: nn.Module) -> None:
        """Take in the module's present tensors."""
        self.updates += 1
        average_towards(self.module, module, decay=self.decay, updates=self.updates)


class _LastGood:
    """The state to return to when numbers stop being finite: a short GPU slot has no time for a second run."""

    def __init__(self, modules: list[nn.Module], optimiser: torch.optim.Optimizer) -> None:
        self.modules, self.optimiser = modules, optimiser
        self._copies: list[dict[str, Tensor]] = []

    def keep_or_restore(self, name: str, step: int) -> int:
        """Copy the modules where all is finite; else go back to the last copy. Returns 1 for a fault, 0 for none.

        Raises:
            NonFiniteLossError: there is no copy to go back to.
        """
        tensors = [v for module in self.modules for v in module.state_dict().values() if v.is_floating_point()]
        if all(bool(torch.isfinite(v).all()) for v in tensors):
            self._copies = [{k: v.clone() for k, v in module.state_dict().items()} for module in self.modules]
            return 0
        if not self._copies:
            raise NonFiniteLossError(
                f"{name}: weights are not finite at step {step}, before the first good state; lower the learning rate"
            )
        _log.warning("%s: weights are not finite at step %d; going back 10 s, with half the learning rate", name, step)
        for module, copy_of in zip(self.modules, self._copies, strict=True):
            module.load_state_dict(copy_of)
        self.optimiser.state.clear()
        return 1


def rate_share(progress: float, warm_up: float) -> float:
    """Share of the peak learning rate: linear up to `warm_up` of the time, then half a cosine down to a hundredth."""
    if progress < warm_up:
        return 0.05 + 0.95 * progress / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1 - warm_up))))


def fit(
    name: str,
    model: nn.Module,
    step: Step,
    *,
    groups: list[tuple[list[nn.Parameter], float]],
    lr: float,
    seconds: float,
    out: Path,
    most_steps: int = 10**9,
    weight_decay: float = 0.02,
    warm_up: float = 0.05,
    ema: float = 0.999,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    validate_at: tuple[int, ...] = (),
    resume: bool = False,
) -> nn.Module:
    """Train for a time.

    Args:
        name: of the checkpoint and the log.
        model: what is trained; its parameters stand in `groups` with the factor of their rate.
        step: computes one batch: loss and its parts.
        lr: peak rate of AdamW.
        seconds: how long; `most_steps` may end it sooner.
        out: folder of NAME.pt (a checkpoint a minute, of the averaged weights) and NAME.jsonl (the losses).
        validate: measures the averaged model after the steps in `validate_at`, and at the end.
        resume: go on from out/NAME.resume.pt, whose time and steps count.

    Returns:
        The averaged model, in evaluation mode.
    """
    out.mkdir(parents=True, exist_ok=True)
    device = next(model.parameters()).device
    parameters = [p for ps, _ in groups for p in ps]
    if seconds <= 0 or most_steps <= 0:
        return model.eval()
    optimiser = torch.optim.AdamW(
        [{"params": ps, "lr": lr * factor, "factor": factor} for ps, factor in groups],
        weight_decay=weight_decay,
        fused=device.type == "cuda",
    )
    averaged = AveragedModel(model, ema)
    kept, faults = _LastGood([model, averaged.module], optimiser), 0
    number, before, state_file = 0, 0.0, out / f"{name}.resume.pt"
    if resume and state_file.is_file():
        state = torch.load(state_file, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        averaged.module.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        number, before, averaged.updates = state["steps"], state["seconds"], state["steps"]
    started = saved = logged = time.monotonic()
    model.train()
    with (out / f"{name}.jsonl").open("a") as log:

        def note(values: dict[str, float]) -> None:
            text = json.dumps({"steps": number, **{k: round(float(v), 5) for k, v in values.items()}})
            log.write(text + "\n")
            log.flush()
            _log.info("%s %s", name, text)

        while True:
            now = time.monotonic()
            spent = before + now - started
            progress = max(spent / seconds, number / most_steps)
            if progress >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = lr * group["factor"] * rate_share(progress, warm_up) * 0.5**faults
            loss, parts = step()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, CLIP, foreach=True)
            optimiser.step()
            averaged.update(model)
            number += 1
            if validate and number in validate_at:
                note(validate(averaged.module))
            if now - logged > 10 or number == 1:
                logged = now
                note({"s": spent, "loss": loss.detach(), **{k: v.detach() for k, v in parts.items()}})
                faults += kept.keep_or_restore(name, number)
                if faults > MOST_FAULTS:
                    raise NonFiniteLossError(
                        f"{name}: weights were not finite {faults} times, last at step {number}; lower the rate"
                    )
            if now - saved > CHECKPOINT_S:
                saved = now
                save(averaged.module, out / f"{name}.pt")
                if resume:
                    state = {
                        "model": model.state_dict(),
                        "averaged": averaged.module.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "steps": number,
                        "seconds": spent,
                    }
                    _save_whole(state, state_file)
        save(averaged.module, out / f"{name}.pt")
        if validate:
            note(validate(averaged.module))
    return averaged.module


def save(module: nn.Module, path: Path) -> None:
    """Write a state dict in half precision, whole or not at all."""
    state = module.state_dict().items()
    _save_whole({k: v.detach().half().cpu() if v.is_floating_point() else v.cpu() for k, v in state}, path)


def _save_whole(values: dict[str, Any], path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save(values, partial)
    partial.replace(path)
