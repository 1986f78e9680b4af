# SPDX-License-Identifier: Apache-2.0
"""What a folder already holds of a run: whether it can be resumed, or is finished."""

import pickle
from pathlib import Path
from typing import Any

import torch

from prv2_ros.training.recipe import Recipe, RecipeError

# What may differ when a run is resumed: places, speed, and the start.
FREE = (
    *("roots", "out", "init_coarse", "init_refiner", "zero_residual"),
    *("workers", "threads", "precision", "validation", "validation_frames"),
)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of `prv2 train`. It is a pickle: read only those of people you trust.

    Raises:
        RecipeError: the file is missing, damaged, or was not written by `prv2 train`.
    """
    if not path.is_file():
        raise RecipeError(f"no checkpoint {path}")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=False)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise RecipeError(f"{path} is not a checkpoint or is damaged: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(saved, dict) or not {"recipe", "state_dict"} <= saved.keys():
        raise RecipeError(f"{path} was not written by prv2 train")
    return saved


def is_finished(checkpoint: Path, recipe: Recipe) -> bool:
    """Whether the run of a checkpoint has taken all steps of the recipe, which must be its own.

    Raises:
        RecipeError: the checkpoint cannot be read, or the recipe is another one.
    """
    saved = read_checkpoint(checkpoint)
    begun, now = saved["recipe"], recipe.as_dict()
    changed = [key for key, value in now.items() if key not in FREE and key in begun and begun[key] != value]
    if changed:
        told = ", ".join(f"{key} was {begun[key]!r} and is {now[key]!r}" for key in changed)
        raise RecipeError(
            f"{checkpoint} was started with another recipe ({told}): a schedule cannot change half-way. Restore these "
            "values, or start a new run, --set out=FOLDER, whose init_coarse or init_refiner names the checkpoint"
        )
    return int(saved["global_step"]) >= recipe.steps
