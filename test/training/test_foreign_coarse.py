# SPDX-License-Identifier: Apache-2.0
"""Training beside a coarse branch of `transformers`, named by its folder."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from tiny_depth_anything import save_depth_anything

from prv2_ros import DepthEngine
from prv2_ros.engine.weights import load_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import create_coarse
from prv2_ros.training.export import export_checkpoint
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.run import run_recipe
from prv2_ros.training.tasks import build_module, random_parts

CPU = {"accelerator": "cpu", "enable_progress_bar": False}


def depth_of(rgb: np.ndarray, weights: Path, **options: str) -> np.ndarray:
    engine = DepthEngine.load(weights, device="cpu", **options)
    try:
        return engine.infer(rgb, 100.0).depth.numpy()
    finally:
        engine.close()


@pytest.fixture
def foreign_recipe(toy_recipe: Recipe, tmp_path: Path) -> Recipe:
    source = save_depth_anything(tmp_path / "depth_anything")
    return replace(toy_recipe, task="refine", coarse="depth-anything-v2", coarse_source=source, epochs=1)


def test_a_refiner_is_trained_beside_it_and_the_engine_loads_both(
    foreign_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = run_recipe(replace(foreign_recipe, coarse_source="depth_anything"), trainer_options=CPU)
    monkeypatch.chdir("/")  # a folder named from there is found from anywhere
    header, _, coarse = load_weights(weights)
    assert not coarse, "a branch that nothing trained is stored twice"
    assert header.coarse_source == foreign_recipe.coarse_source
    assert "coarse_source" not in header.provenance["recipe"]
    rgb = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    depth = depth_of(rgb, weights)
    moved = shutil.move(foreign_recipe.coarse_source, tmp_path / "elsewhere")
    np.testing.assert_array_equal(depth_of(rgb, weights, coarse_source=str(moved)), depth)
    with pytest.raises(WeightsError, match=r"weights.safetensors: .*'depth-anything-v2' cannot be loaded .* beside"):
        DepthEngine.load(weights, device="cpu")
    # As on a robot to which both were copied.
    robot = tmp_path / "robot"
    shutil.copytree(moved, robot / "depth_anything")
    shutil.copy(weights, robot)
    np.testing.assert_array_equal(depth_of(rgb, robot / weights.name), depth)


@pytest.mark.parametrize("task", ["coarse", "transfer"])
def test_a_trained_one_is_in_the_weights(foreign_recipe: Recipe, tmp_path: Path, task: str) -> None:
    recipe = replace(foreign_recipe, task=task, losses={"log_l1": 1.0} if task == "coarse" else {})
    weights = run_recipe(recipe, trainer_options=CPU)
    stored = load_weights(weights)[2]["network.head.conv1.weight"]
    start = create_coarse("depth-anything-v2", source=recipe.coarse_source).network.head.conv1.weight.detach()
    assert not torch.allclose(stored, start, atol=1e-3 * float(start.abs().max()))
    # A refiner that begins beside the trained branch takes it along, also by way of a checkpoint.
    then = replace(recipe, task="refine", init_coarse=str(weights), out=str(tmp_path / "then"))
    run_recipe(then, trainer_options=CPU)
    exported = export_checkpoint(tmp_path / "then" / "last.ckpt", tmp_path / "exported.safetensors")
    torch.testing.assert_close(load_weights(exported)[2]["network.head.conv1.weight"], stored)


def test_what_is_missing_is_named(foreign_recipe: Recipe, toy_recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"needs source: .*: --set coarse_source=FOLDER"):
        build_module(replace(foreign_recipe, coarse_source=None))
    with pytest.raises(RecipeError, match="'small' takes its weights from init_coarse"):
        build_module(replace(toy_recipe, coarse_source="folder"))
    with pytest.raises(RecipeError, match="imagenet is for coarse=small"):
        build_module(replace(foreign_recipe, init_coarse="imagenet"))
    with pytest.raises(RecipeError, match="unknown coarse branch 'big'"):
        build_module(replace(toy_recipe, coarse="big"))
    for default in ({"variant": "prv2s", "task": "refine"}, {"coarse": "light"}):
        with pytest.raises(RecipeError, match=r"prv2 train shipped --resident PACK; .*variant=prv2m-narrow"):
            build_module(replace(toy_recipe, **default))
    with pytest.raises(RecipeError, match="unknown variant 'prv2x'"):
        build_module(replace(toy_recipe, task="refine", variant="prv2x"))


def test_parts_without_a_start_are_told(
    toy_recipe: Recipe, foreign_recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert random_parts(foreign_recipe) == []
    assert random_parts(replace(toy_recipe, task="transfer")) == ["init_coarse", "init_refiner"]
    run_recipe(replace(toy_recipe, task="refine", epochs=1, steps_per_epoch=1, validation=[]), trainer_options=CPU)
    assert "init_coarse is not given: that part starts from random weights" in caplog.text
