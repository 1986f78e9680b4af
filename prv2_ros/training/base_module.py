# SPDX-License-Identifier: Apache-2.0
"""What every training task shares: optimiser, schedule, NaN stop, validation on whole frames."""

from abc import ABC, abstractmethod
from collections import defaultdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.f2c import DEPTH_SCALE_M
from prv2_ros.training.recipe import NonFiniteLossError, Recipe


class _Step:
    """One step's loss, to be looked at when the device has computed it.

    Args:
        number: of the step.
        loss, parts, batch: of it.

    Attributes:
        ready: what tells that the host knows whether the loss is finite; None where it knows at once.
    """

    def __init__(self, number: int, loss: Tensor, parts: dict[str, Tensor], batch: dict[str, Any]) -> None:
        self.number, self.loss, self.parts, self.batch = number, loss, parts, batch
        finite = torch.isfinite(loss)
        self.ready = None
        if loss.is_cuda:
            finite = torch.empty((), dtype=torch.bool, pin_memory=True).copy_(finite, non_blocking=True)
            self.ready = torch.cuda.Event()
            self.ready.record()
        self._finite = finite

    def is_finite(self) -> bool:
        """Waits for this step's loss and for nothing after it."""
        if self.ready is not None:
            self.ready.synchronize()
        return bool(self._finite)


class DepthModule(L.LightningModule, ABC):
    """Base of the tasks.

    Subclasses give `training_step`, `predict_frame` and `parameter_groups`.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.data_facts: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] = []
        self._unchecked: _Step | None = None
        self._metrics: dict[str, float] = {}
        self._scores: dict[str, list[Tensor]] = defaultdict(list)

    @abstractmethod
    def predict_frame(self, rgb: Tensor) -> dict[str, Tensor]:
        """Canonical depth maps (B, 1, h, w) of whole frames (B, 3, h, w), by the name of the branch."""

    @abstractmethod
    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters with the factor of their learning rate."""

    def depth_columns(self) -> list[Tensor]:
        """The refiner's weights that read depth in metres, on which steps are smaller by `DEPTH_SCALE_M`."""
        f2c = getattr(getattr(self, "refiner", None), "f2c", None)
        return f2c.depth_columns() if f2c is not None else []

    @property
    def step_seed(self) -> int:
        """Seed of everything that a step draws: a resumed run repeats it, and ranks differ."""
        return self.recipe.seed + 1000003 * self.global_step + self.global_rank

    def on_train_batch_start(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Chance (stochastic depth, windows of SSIGM) depends on the step alone."""
        torch.manual_seed(self.step_seed)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """A step of AdamW is as large for a weight that reads metres as for one that reads features of size 1."""
        before = [columns.clone() for columns in self.depth_columns()]
        super().optimizer_step(*args, **kwargs)
        for columns, old in zip(self.depth_columns(), before, strict=True):
            columns.copy_(old + (columns - old) / DEPTH_SCALE_M)

    @staticmethod
    def images(rgb: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) to float in [0, 1], channels last."""
        return rgb.to(memory_format=torch.channels_last).float().div_(255.0)

    def logs_this_step(self) -> bool:
        """Whether what this step logs is written down (Lightning's `log_every_n_steps`; 0 is never)."""
        every = self.trainer.log_every_n_steps
        return every > 0 and (self.global_step + 1) % every == 0

    def finish_step(self, loss: Tensor, parts: dict[str, Tensor], batch: dict[str, Any]) -> Tensor:
        """Log the parts; a loss that is not finite stops the run with its batch saved.

        On CUDA that is noticed at the next step: reading a loss at once would make the host wait for the device.

        Raises:
            NonFiniteLossError: names the file that holds the batch.
        """
        parts = {name: value.detach() for name, value in parts.items()}
        step = _Step(self.global_step, loss.detach(), parts, batch)
        if step.ready is None:
            self._check(step)
        elif self._unchecked is not None:
            self._check(self._unchecked)
        self._unchecked = step
        self.log("loss", step.loss, prog_bar=True)
        self.log_dict({f"loss/{name}": value for name, value in parts.items()})
        return loss

    def on_train_epoch_end(self) -> None:
        """Before the epoch's checkpoint, which would keep what is not finite."""
        if self._unchecked is not None:
            self._check(self._unchecked)

    def _check(self, step: "_Step") -> None:
        if step.is_finite():
            return
        folder = Path(self.recipe.out)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"nan_batch_step{step.number}_rank{self.global_rank}.pt"
        torch.save({"batch": step.batch, "parts": step.parts}, file)
        raise NonFiniteLossError(
            f"the loss is {float(step.loss)} at step {step.number} "
            f"({', '.join(f'{k} {float(v):.3g}' for k, v in step.parts.items())}); its batch is in {file}"
        )

    def validation_step(self, batch: dict[str, Any], index: int) -> None:
        predictions = self.predict_frame(self.images(batch["rgb"]))
        target, scale = batch["depth"], batch["scale"].view(-1, 1, 1, 1)
        for branch, canonical in predictions.items():
            depth = F.interpolate(canonical, target.shape[-2:], mode="bilinear") / scale
            for i, tag in enumerate(batch["tag"]):
                valid = target[i] > 0
                if not valid.any():
                    continue
                d, t = depth[i][valid].clamp(1e-3, self.recipe.max_depth_m), target[i][valid]
                log_ratio = (d.log() - t.log()).abs()
                prefix = f"{tag}/{branch}"
                self._scores[f"{prefix}_delta1"].append((log_ratio < 0.22314355).float().mean())
                self._scores[f"{prefix}_rmse"].append((d - t).square().mean().sqrt())
                self._scores[f"{prefix}_log_bias"].append((d.log() - t.log()).median())

    def on_validation_epoch_end(self) -> None:
        for name, values in self._scores.items():
            mean = torch.stack(values).mean()
            self._metrics[name] = round(float(mean), 5)
            self.log(f"val/{name}", mean, sync_dist=True)
        self._scores.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["recipe"] = self.recipe.as_dict()
        checkpoint["data_facts"] = self.data_facts
        checkpoint["history"] = self.history
        checkpoint["metrics"] = dict(self._metrics)

    def configure_optimizers(self) -> dict[str, Any]:
        recipe = self.recipe
        groups = [(ps, factor) for ps, factor in self.parameter_groups() if ps]
        optimiser = torch.optim.AdamW(
            [{"params": ps, "lr": recipe.lr * factor} for ps, factor in groups], weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=[recipe.lr * factor for _, factor in groups],
            total_steps=recipe.steps + 1,
            pct_start=recipe.warm_up,
            div_factor=recipe.div,
            final_div_factor=recipe.final_div,
            base_momentum=0.85,
            max_momentum=0.95,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
