# SPDX-License-Identifier: Apache-2.0
"""From a trained module or a checkpoint to the .safetensors that the engine loads."""

import subprocess
from pathlib import Path
from typing import Any

from torch import nn

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import BASELINES, create_refiner
from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.resume import read_checkpoint
from prv2_ros.training.tasks import build_module

PLACES = ("roots", "out", "coarse_source", "init_coarse", "init_refiner")


def git_commit() -> str:
    """Commit of this checkout, or "unknown" outside of git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def provenance(module: DepthModule, metrics: dict[str, float], *, steps: int | None = None) -> dict[str, Any]:
    """What the weights' header says about their making: this run, and the runs that it started from.

    Folders of the machine that trained are left out.
    """
    recipe = module.recipe
    return {
        "recipe": {k: v for k, v in recipe.as_dict().items() if k not in PLACES},
        "data": module.data_facts,
        "seed": recipe.seed,
        "commit": git_commit(),
        "metrics": metrics,
        "steps": module.global_step if steps is None else steps,
        "started_from": module.history,
    }


def export_module(module: DepthModule, path: Path, facts: dict[str, Any]) -> Path:
    """Write the networks of a module.

    A coarse branch alone is written with a refiner that changes nothing; a refiner alone (noisy
    pre-training) without a coarse branch: such a file is only a start for training. A coarse branch from a folder or
    hub that no run changed stays there, and the header names the place.

    Args:
        module: what was trained.
        path: ends in .safetensors.
        facts: the header's provenance.

    Returns:
        `path`.
    """
    recipe = module.recipe
    coarse: nn.Module | None = getattr(module, "coarse", None)
    refiner: nn.Module | None = getattr(module, "refiner", None)
    if refiner is None:
        refiner = create_refiner(recipe.variant, coarse_channels=tuple(coarse.channels))
        nn.init.zeros_(refiner.f2c.residual.weight)
    trained_before = any(facts.get("part") == "coarse" for facts in module.history)
    untouched = recipe.coarse_source and recipe.task == "refine" and not trained_before
    save_weights(
        path,
        refiner=refiner,
        coarse=None if untouched else coarse,
        header=WeightsHeader(
            variant=recipe.variant,
            coarse=recipe.coarse,
            coarse_source=_place(recipe.coarse_source),
            coarse_channels=tuple(refiner.coarse_channels),
            process_size=(recipe.process_size[0], recipe.process_size[1]),
            canonical_focal_px=recipe.canonical_focal_px,
            min_depth_m=recipe.min_depth_m,
            max_depth_m=recipe.max_depth_m,
            provenance=facts,
            fine=recipe.coarse if recipe.variant in BASELINES else None,
            feature_sizes=getattr(refiner, "feature_sizes", None),
        ),
    )
    return path


def _place(source: str | None) -> str | None:
    """A folder's whole path, since the engine may be started elsewhere; a hub name as it is."""
    return str(Path(source).resolve()) if source and Path(source).is_dir() else source


def export_checkpoint(checkpoint: Path, path: Path) -> Path:
    """Write the (averaged) weights of a checkpoint, also of a running training.

    Raises:
        RecipeError: the checkpoint is missing or is none of this trainer's.
    """
    saved = read_checkpoint(checkpoint)
    values = {**saved["recipe"], "init_coarse": None, "init_refiner": None}
    module = build_module(Recipe.of_checkpoint(values))
    module.load_state_dict(saved["state_dict"])
    module.data_facts, module.history = saved["data_facts"], saved["history"]
    facts = provenance(module, saved.get("metrics", {}), steps=int(saved["global_step"]))
    return export_module(module, path, facts)
