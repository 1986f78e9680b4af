# SPDX-License-Identifier: Apache-2.0
"""Run a recipe from beginning to weights file."""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, Dataset

from prv2_ros.data import Mixture
from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.batches import CoarseViews, RefinerTiles, WholeFrames, open_sets
from prv2_ros.training.callbacks import LogLines, RampedEMA
from prv2_ros.training.export import export_checkpoint, export_module, provenance
from prv2_ros.training.loader import training_loader
from prv2_ros.training.optimisation import depthwise_in_float32
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.resume import is_finished
from prv2_ros.training.tasks import build_module, random_parts

logger = logging.getLogger(__name__)
FAST = {"epochs": 2, "steps_per_epoch": 2, "batch_size": 2, "workers": 0}


def recipe_was_run(recipe: Recipe) -> bool:
    """Whether the run in the recipe's `out`, finished or not, was started with this recipe."""
    begun = Path(recipe.out) / "recipe.json"
    return begun.is_file() and json.loads(begun.read_text()) == recipe.as_dict()


def run_recipe(
    recipe: Recipe,
    *,
    fast: bool = False,
    resume: bool = False,
    trainer_options: dict[str, Any] | None = None,
    callbacks: list[Callback] | None = None,
) -> Path:
    """Train as the recipe says and write the weights.

    Args:
        recipe: the run.
        fast: a few steps only, to see that everything fits together; its folder is `out` with the ending _fast.
        resume: go on from the last checkpoint in the recipe's `out`, if there is one.
        trainer_options: more arguments for Lightning's Trainer (devices, strategy, num_nodes, ...).
        callbacks: more callbacks.

    Returns:
        The weights file `out`/weights.safetensors.

    Raises:
        RecipeError: the recipe differs from that of the run to resume, or the batch cannot be shared equally among the
            ranks.
    """
    if fast:
        recipe = replace(recipe, **FAST, out=f"{recipe.out}_fast")
    out = Path(recipe.out)
    last = out / "last.ckpt"
    resume = resume and last.exists()
    if resume and is_finished(last, recipe):
        # The averaged weights: what Lightning would leave in the module after taking no step are the last step's.
        return export_checkpoint(last, out / "weights.safetensors")
    # OpenCV's thread pool does not survive the fork of the loader's workers: once used, they would hang.
    cv2.setNumThreads(0)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    L.seed_everything(recipe.seed, workers=True, verbose=False)
    out.mkdir(parents=True, exist_ok=True)

    datasets, weights, _ = open_sets(recipe, recipe.sets)
    mixture = Mixture(datasets, weights, seed=recipe.seed)
    for facts in mixture.describe():
        logger.info("set %(name)s: %(frames)d frames, share %(share).3f", facts)
    module = build_module(recipe)
    module.data_facts = mixture.describe()
    for missing in [] if resume else random_parts(recipe):
        logger.warning("%s is not given: that part starts from random weights", missing)
    if not torch.cuda.is_available() and recipe.precision.startswith("bf16"):
        depthwise_in_float32(module)
    trainer = _trainer(recipe, out, trainer_options or {}, callbacks or [])
    items = _items(module, mixture)
    loader = training_loader(items, recipe, rank=trainer.global_rank, world_size=trainer.world_size)
    validation = _validation_loader(recipe, limit=2 if fast else recipe.validation_frames)
    if trainer.is_global_zero:
        (out / "recipe.json").write_text(json.dumps(recipe.as_dict(), indent=1))
    trainer.fit(module, loader, validation, ckpt_path=str(last) if resume else None, weights_only=False)
    metrics = {k: round(float(v), 5) for k, v in trainer.callback_metrics.items()}
    weights = out / "weights.safetensors"
    if trainer.is_global_zero:
        export_module(module, weights, provenance(module, metrics))
    trainer.strategy.barrier()
    return weights


def _items(module: DepthModule, mixture: Mixture) -> Dataset:
    recipe = module.recipe
    if recipe.task == "coarse":
        return CoarseViews(mixture, recipe, size=module.view_size)
    if recipe.task == "noisy_pretrain":
        return CoarseViews(mixture, recipe, size=(recipe.tile_size[0], recipe.tile_size[1]))
    return RefinerTiles(mixture, recipe)


def _strategy(options: dict[str, Any]) -> Any:
    """Lightning's strategy; data parallel training must look for weights without a gradient.

    C2F has units that no skip enters, and a loss that a recipe leaves out reaches no auxiliary head.
    """
    asked = options.get("strategy", "auto")
    devices = options.get("devices", "auto" if torch.cuda.is_available() else 1)
    if devices in ("auto", -1, "-1"):
        many = torch.cuda.device_count() > 1
    else:
        many = (len(devices) if isinstance(devices, list) else int(devices)) > 1
    many |= int(options.get("num_nodes", 1)) > 1
    return "ddp_find_unused_parameters_true" if asked == "ddp" or (asked == "auto" and many) else asked


def _trainer(recipe: Recipe, out: Path, options: dict[str, Any], more: list[Callback]) -> L.Trainer:
    callbacks: list[Callback] = [
        ModelCheckpoint(dirpath=out, filename="last", enable_version_counter=False, save_on_train_epoch_end=True),
        LearningRateMonitor("step"),
        *more,
    ]
    if recipe.ema:
        callbacks.append(RampedEMA(recipe.ema))
    if not sys.stdout.isatty():
        callbacks.append(LogLines())
    return L.Trainer(
        **{
            "accelerator": "auto",
            "devices": "auto" if torch.cuda.is_available() else 1,
            "precision": recipe.precision,
            "max_epochs": recipe.epochs,
            "gradient_clip_val": recipe.clip or None,
            "callbacks": callbacks,
            "logger": TensorBoardLogger(out, name="tensorboard", version=""),
            "log_every_n_steps": 10,
            "enable_progress_bar": sys.stdout.isatty(),
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "benchmark": torch.cuda.is_available(),  # every batch has one size: let cuDNN choose by timing
            "default_root_dir": out,
            **options,
            "strategy": _strategy(options),
        }
    )


def _validation_loader(recipe: Recipe, *, limit: int) -> DataLoader | None:
    if not recipe.validation:
        return None
    datasets, _, tags = open_sets(recipe, recipe.validation)
    frames = WholeFrames(datasets, tags, recipe, limit=limit)
    return DataLoader(frames, batch_size=1) if len(frames) else None
