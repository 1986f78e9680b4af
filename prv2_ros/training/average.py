# SPDX-License-Identifier: Apache-2.0
"""Means of checkpoints: runs that began alike often do better together than each alone (Wortsman et al. 2022)."""

import math
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prv2_ros.training.export import PLACES
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.resume import read_checkpoint
from prv2_ros.training.tasks import build_module


def average_checkpoints(shares: dict[Path, float | None], path: Path) -> Path:
    """Write the mean of checkpoints of one network, tensor by tensor, for other runs to start from or to export.

    It has no optimiser: a run starts from it (`init_coarse` and its like) but does not resume.

    Args:
        shares: checkpoints of `prv2 train` and the share of each, 1 in sum; all of them None is equal shares. A
            negative share moves away from a run. After a checkpoint also weights files, or names of packaged ones:
            of these, what a run like the first checkpoint's would start from.
        path: the checkpoint to write.

    Returns:
        `path`.

    Raises:
        RecipeError: fewer than two checkpoints, weights before any checkpoint, shares that do not fit, or checkpoints
            of different networks.
    """
    if len(shares) < 2:
        raise RecipeError(f"a mean needs at least two checkpoints, not {len(shares)}")
    given = [share for share in shares.values() if share is not None]
    if given and (len(given) < len(shares) or not math.isclose(sum(given), 1.0, abs_tol=1e-6)):
        named = ", ".join(f"{file.name} {share}" for file, share in shares.items())
        raise RecipeError(f"give every checkpoint a share, 1 in sum, or none of them any: {named}")
    mean: dict[str, Tensor] = {}
    first: dict[str, Any] = {}
    history = []
    for file, given_share in shares.items():
        share = 1.0 / len(shares) if given_share is None else given_share
        saved = read_checkpoint(file) if file.suffix == ".ckpt" else _start(file, first)
        recipe, state = saved["recipe"], saved["state_dict"]
        first = first or recipe
        if mean and _shapes(state) != _shapes(mean):
            raise RecipeError(f"{file} holds another network ({recipe['task']}, {recipe['coarse']}) than the first")
        for name, value in state.items():
            if value.is_floating_point():
                mean[name] = mean.get(name, 0.0) + share * value.double()
            else:
                mean.setdefault(name, value)
        history.append(
            {
                "share": share,
                "source": file.name,
                "steps": saved["global_step"],
                "data": saved["data_facts"],
                "recipe": {key: value for key, value in recipe.items() if key not in PLACES},
                "started_from": saved["history"],
            }
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    torch.save(
        {
            "state_dict": {name: value.float() if value.is_floating_point() else value for name, value in mean.items()},
            # Nothing was drawn for a mean: a seed would say that it is one of the runs.
            "recipe": {key: value for key, value in first.items() if key != "seed"},
            "data_facts": [],
            "history": history,
            "metrics": {},
            "global_step": 0,
        },
        partial,
    )
    os.replace(partial, path)
    return path


def _start(file: Path, recipe: dict[str, Any]) -> dict[str, Any]:
    """Weights as a checkpoint of a run of `recipe` that begins from them and takes no step."""
    if not recipe:
        raise RecipeError(f"{file} is no checkpoint: name one first, so that it is known which network of it is meant")
    start = str(file)
    module = build_module(
        Recipe.of_checkpoint(
            {**recipe, "init_coarse": start, "init_layout": None, "init_refiner": start, "zero_residual": False}
        )
    )
    return {
        "state_dict": module.state_dict(),
        "recipe": {"task": recipe["task"], "coarse": recipe["coarse"]},  # of its own recipe `history` tells
        "data_facts": [],
        "history": module.history,
        "global_step": 0,
    }


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in state.items()}
