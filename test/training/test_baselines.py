# SPDX-License-Identifier: Apache-2.0
"""The baselines through the trainer, and PRO's options on any refiner."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from prv2_ros.data import Mixture
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.weights import load_weights
from prv2_ros.training.batches import RefinerTiles, open_sets
from prv2_ros.training.recipe import Recipe, RecipeError, load_recipe
from prv2_ros.training.run import run_recipe
from prv2_ros.training.tasks import build_module
from prv2_ros.training.tiles import Tiles, overlap_px, trained_on

SMALL = {"task": "refine", "epochs": 1, "ema": 0.0, "losses": {"silog": 1.0}}
GROUPED = {"group_overlap": 0.43, "tiles_per_frame": 4, "bias_free": True}


@pytest.mark.parametrize("variant", ["prv1", "patchfusion", "pro"])
def test_a_baseline_is_trained_and_runs(toy_recipe: Recipe, tmp_path: Path, variant: str) -> None:
    recipe = replace(toy_recipe, **SMALL, variant=variant, out=str(tmp_path / variant))
    weights = run_recipe(recipe, trainer_options={"enable_progress_bar": False})
    header, refiner, coarse = load_weights(weights)
    assert header.fine == "small"
    start = build_module(recipe)
    name = "log_depth.weight"
    assert torch.equal(start.refiner.fine.state_dict()[name], start.coarse.state_dict()[name])
    assert not torch.equal(refiner[f"fine.{name}"], coarse[name]), "the fine network begins as a copy, and is trained"
    depth, timing = DepthEngine.load(weights, device="cpu", precision="fp32", grid=(2, 2))(
        np.full((96, 128, 3), 90, np.uint8)
    )
    assert timing.tiles == 4 and np.isfinite(depth).all()


def test_a_group_is_one_picture_and_its_tiles_agree(toy_recipe: Recipe) -> None:
    recipe = replace(
        toy_recipe, **SMALL, **GROUPED, variant="prv2m-narrow", colour=0.0
    )  # its noise is every tile's own
    datasets, weights, _ = open_sets(recipe, recipe.sets)
    item = RefinerTiles(Mixture(datasets, weights, seed=0), recipe)[3]
    rows, columns = overlap_px(recipe)
    assert item["rgb"].shape == (4, 3, 32, 64) and item["frame_depth"].shape == (1, 64, 96)
    assert torch.equal(item["depth"][0, :, :, -columns:], item["depth"][1, :, :, :columns])
    assert torch.equal(item["rgb"][0, :, -rows:], item["rgb"][2, :, :rows])
    step = (item["box"][1] - item["box"][0])[0] / item["box"][0, 2]
    assert step == pytest.approx((64 - columns) / 64, abs=1e-4)
    assert (item["box"][:, :2] + item["box"][:, 2:]).max() <= 1 + 1e-6
    batch = default_collate([item])
    tiles = Tiles(replace(recipe, bias_free=False), batch, None)
    assert tiles.target.shape == (1, 1, 64 - rows, 128 - columns)
    known = (item["depth"] > 0) & torch.isfinite(item["depth"])
    truth = torch.where(known, item["depth"], torch.ones_like(item["depth"]))
    assert tiles.consistency(truth) == 0
    assert tiles.consistency(truth * torch.tensor([1.0, 1.0, 1.0, math.e]).view(4, 1, 1, 1)) > 1
    merged = tiles.log_depth(truth)
    inside = (tiles.target > 0) & torch.isfinite(tiles.target)
    assert torch.allclose(merged[inside].exp(), tiles.target[inside], rtol=1e-4)


def test_pros_options_reach_the_loss(toy_recipe: Recipe, tmp_path: Path) -> None:
    losses = {"silog": 1.0, "consistency": 4.0}
    recipe = replace(
        toy_recipe, **{**SMALL, "losses": losses}, **GROUPED, variant="prv2m-narrow", out=str(tmp_path / "pro")
    )
    module = build_module(recipe)
    module.logs_this_step = lambda: False
    datasets, weights, _ = open_sets(recipe, recipe.sets)
    dataset = RefinerTiles(Mixture(datasets, weights, seed=0), recipe)
    batch = torch.utils.data.default_collate([dataset[0], dataset[1]])
    loss, parts = module.losses(batch)
    assert parts["consistency"] > 0
    assert float(loss) == pytest.approx(float(parts["silog"] + 4 * parts["consistency"]), rel=1e-4)
    loss.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.refiner.parameters())


def test_truth_that_contradicts_the_coarse_depth_is_left_out() -> None:
    coarse = torch.linspace(1, 4, 32).view(1, 1, 1, 32).expand(1, 1, 16, 32)
    truth = coarse.clone()
    truth[..., 2:6, 22:26] = 1.0  # something near that the coarse depth knows nothing of
    truth[..., 10:12, :] = 0.0
    mask = trained_on(coarse, truth)
    assert not mask[..., 3:5, 23:25].any()
    assert mask[..., 6:10, :20].all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("group_overlap=1.2", "group_overlap is 1.2, expected a share"),
        ("group_overlap=0.4;tiles_per_frame=2", "is of four tiles of a frame: set tiles_per_frame=4"),
        ("losses.consistency=4", "needs tiles that overlap: set group_overlap"),
        ("bias_free=3", "bias_free is 3, expected true or false"),
        ("task=noisy_pretrain;bias_free=true", "are for the tasks refine and end_to_end"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe("compare_refine", change.split(";"))


def test_what_a_baseline_cannot_do_is_refused(toy_recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="prv1 is trained by the tasks refine and end_to_end, not by transfer"):
        build_module(replace(toy_recipe, task="transfer", variant="prv1"))
    with pytest.raises(RecipeError, match="zero_residual: PatchFusion has no last layer"):
        build_module(replace(toy_recipe, task="refine", variant="patchfusion", zero_residual=True))
