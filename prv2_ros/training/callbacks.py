# SPDX-License-Identifier: Apache-2.0
"""Callbacks of the runner."""

import logging
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, WeightAveraging

from prv2_ros.training.optimisation import average_towards

logger = logging.getLogger(__name__)


class RampedEMA(WeightAveraging):
    """Exponential moving average of the weights whose memory grows with the run, so that its start is forgotten.

    Args:
        decay: the final decay; after n updates it is at most (1 + n) / (10 + n).
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning makes the average before it moves the module: left there, every step would copy all weights."""
        self._average_model.module.to(pl_module.device)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Average after each step of the optimiser; the count stays on the host, so nothing waits for the device."""
        if trainer.global_step <= self._latest_update_step:
            return
        average = self._average_model
        average_towards(average.module, pl_module, decay=self.decay, updates=int(average.n_averaged))
        average.n_averaged += 1
        self._latest_update_step = trainer.global_step


class LogLines(Callback):
    """Progress as log lines, for where no terminal shows a bar.

    Args:
        every_n_steps: distance of the lines.
    """

    def __init__(self, every_n_steps: int = 20) -> None:
        self.every_n_steps = every_n_steps
        self._start: tuple[float, int] | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start = (time.monotonic(), trainer.global_step)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step % self.every_n_steps or self._start is None:
            return
        began, first = self._start
        seconds = (time.monotonic() - began) / max(1, step - first)
        left = (trainer.max_epochs or 0) * int(trainer.num_training_batches) - step
        losses = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("loss")}
        parts = " ".join(f"{name.removeprefix('loss/')} {value:.4f}" for name, value in losses.items())
        logger.info("step %d %s %.2f s/step, %.1f min left", step, parts, seconds, left * seconds / 60)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        scores = {k: v for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        text = ", ".join(f"{k.removeprefix('val/')} {float(v):.3f}" for k, v in sorted(scores.items()))
        logger.info("step %d validation: %s", trainer.global_step, text)
