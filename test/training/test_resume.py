# SPDX-License-Identifier: Apache-2.0
"""Going on with a run: only with its own recipe, without harm to a finished one, and on several processes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from prv2_ros.engine.weights import load_weights
from prv2_ros.training.export import export_checkpoint
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.resume import read_checkpoint
from prv2_ros.training.run import run_recipe

CPU = {"accelerator": "cpu", "enable_progress_bar": False}


def test_a_finished_run_keeps_its_weights_when_it_is_resumed(toy_recipe: Recipe) -> None:
    recipe = replace(toy_recipe, ema=0.9)
    path = run_recipe(recipe, trainer_options=CPU)
    header, _, before = load_weights(path)
    assert run_recipe(recipe, trainer_options=CPU, resume=True) == path
    again, _, after = load_weights(path)
    for name, tensor in after.items():
        torch.testing.assert_close(tensor, before[name])
    delta1 = header.provenance["metrics"]["val/toy/coarse_delta1"]
    assert again.provenance["metrics"]["toy/coarse_delta1"] == pytest.approx(delta1, abs=1e-4)


@pytest.mark.parametrize("change", [{"lr": 5e-3}, {"epochs": 5}, {"losses": {"log_l1": 2.0}}])
def test_a_run_goes_on_with_its_own_recipe_only(toy_recipe: Recipe, change: dict) -> None:
    run_recipe(toy_recipe, trainer_options={**CPU, "max_epochs": 1})
    with pytest.raises(RecipeError, match=rf"started with another recipe \({next(iter(change))} was .* and is "):
        run_recipe(replace(toy_recipe, **change), trainer_options=CPU, resume=True)


def test_files_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    damaged, foreign = tmp_path / "damaged.ckpt", tmp_path / "foreign.ckpt"
    torch.save({"weights": torch.zeros(1000)}, foreign)
    damaged.write_bytes(foreign.read_bytes()[:900])
    for file, words in ((damaged, "damaged"), (foreign, "not written by prv2 train"), (tmp_path / "no.ckpt", "no ch")):
        with pytest.raises(RecipeError, match=words):
            read_checkpoint(file)
        with pytest.raises(RecipeError, match=words):
            export_checkpoint(file, tmp_path / "x.safetensors")


def test_two_processes_train_together(toy_recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(toy_recipe, task="refine", batch_size=2, epochs=1, steps_per_epoch=2, validation=[])
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe.as_dict()))
    options = ("accelerator=cpu", "devices=2", "strategy=ddp")
    command = [sys.executable, "-m", "prv2_ros.cli.main", "train", str(file)]
    command += [word for option in options for word in ("--trainer", option)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert load_weights(Path(recipe.out) / "weights.safetensors")[0].provenance["steps"] == 2


def test_a_batch_that_cannot_be_shared_is_refused(toy_recipe: Recipe) -> None:
    from prv2_ros.training.loader import training_loader

    with pytest.raises(RecipeError, match=r"batch_size 8 cannot be shared among 3 devices.*batch_size=9"):
        training_loader(torch.utils.data.TensorDataset(torch.zeros(8)), replace(toy_recipe, batch_size=8), world_size=3)
