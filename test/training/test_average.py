# SPDX-License-Identifier: Apache-2.0
"""Weights that no single run makes: means of checkpoints, and parts joined into one file."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prv2_ros.cli.main import main
from prv2_ros.engine.weights import load_weights
from prv2_ros.training.average import average_checkpoints
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.run import run_recipe
from prv2_ros.training.tasks import build_module

CPU = {"accelerator": "cpu", "enable_progress_bar": False}


@pytest.fixture
def runs(toy_recipe: Recipe, tmp_path: Path) -> list[Path]:
    """Last checkpoints of two runs that differ in their seed."""
    files = []
    for seed in (3, 4):
        recipe = replace(toy_recipe, epochs=1, seed=seed, validation=[], out=str(tmp_path / f"seed{seed}"))
        run_recipe(recipe, trainer_options=CPU)
        files.append(Path(recipe.out) / "last.ckpt")
    return files


def state_of(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=False)["state_dict"]


@pytest.mark.parametrize(("shares", "first"), [((None, None), 0.5), ((0.25, 0.75), 0.25), ((1.3, -0.3), 1.3)])
def test_a_mean_has_its_shares(runs: list[Path], tmp_path: Path, shares: tuple, first: float) -> None:
    mean = state_of(average_checkpoints(dict(zip(runs, shares, strict=True)), tmp_path / "mean.ckpt"))
    one, two = map(state_of, runs)
    name = "coarse.log_depth.weight"
    assert not torch.equal(one[name], two[name])
    assert mean.keys() == one.keys()
    for name, value in mean.items():
        wanted = first * one[name] + (1 - first) * two[name] if value.is_floating_point() else one[name]
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-6)


def test_a_run_starts_from_a_mean_and_says_what_it_is_of(runs: list[Path], toy_recipe: Recipe, tmp_path: Path) -> None:
    mean = average_checkpoints(dict.fromkeys(runs), tmp_path / "mean.ckpt")
    module = build_module(replace(toy_recipe, init_coarse=str(mean)))
    assert torch.equal(module.coarse.state_dict()["log_depth.weight"], state_of(mean)["coarse.log_depth.weight"])
    (facts,) = module.history
    assert (facts["source"], facts["steps"], facts["seed"]) == ("mean.ckpt", 0, None)
    assert [(run["share"], run["steps"], run["recipe"]["seed"]) for run in facts["started_from"]] == [
        (0.5, 2, 3),
        (0.5, 2, 4),
    ]
    assert facts["started_from"][1]["data"][0]["licence"] == "CC0"
    assert str(tmp_path) not in str(facts)


def test_a_mean_of_a_run_and_weights_takes_what_the_run_would_start_from(toy_recipe: Recipe, tmp_path: Path) -> None:
    """The shipped layout network, trained on and averaged with itself (Wortsman et al. 2022, robust fine-tuning)."""
    recipe = replace(toy_recipe, coarse="small-lite2-fine", init_coarse="prv2s", epochs=1, validation=[])
    run_recipe(recipe, trainer_options=CPU)
    last, packaged = Path(recipe.out) / "last.ckpt", Path("prv2s")
    mean = average_checkpoints({last: 0.25, packaged: 0.75}, tmp_path / "mean.ckpt")
    name = "log_depth.weight"
    shipped = load_weights("prv2s")[2][f"layout.{name}"]
    wanted = 0.25 * state_of(last)[f"coarse.{name}"] + 0.75 * shipped
    torch.testing.assert_close(state_of(mean)[f"coarse.{name}"], wanted)
    ran, taken = torch.load(mean, weights_only=False)["history"]
    assert (ran["steps"], taken["steps"]) == (2, 0)
    assert taken["started_from"][0]["started_from"][0]["part"] == "layout"
    with pytest.raises(RecipeError, match=r"prv2s is no checkpoint: name one first"):
        average_checkpoints({packaged: 0.75, last: 0.25}, mean)
    with pytest.raises(RecipeError, match=r"start from .*none\.safetensors, which does not exist"):
        average_checkpoints({last: None, tmp_path / "none.safetensors": None}, mean)


def test_means_that_make_no_sense_are_refused(runs: list[Path], toy_recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "mean.ckpt"
    one, two = runs
    with pytest.raises(RecipeError, match="at least two checkpoints, not 1"):
        average_checkpoints({one: None}, out)
    with pytest.raises(RecipeError, match=r"1 in sum.*0\.5.*0\.6"):
        average_checkpoints({one: 0.5, two: 0.6}, out)
    with pytest.raises(RecipeError, match="every checkpoint a share"):
        average_checkpoints({one: 0.5, two: None}, out)
    with pytest.raises(RecipeError, match=r"no checkpoint .*none\.ckpt"):
        average_checkpoints({one: None, tmp_path / "none.ckpt": None}, out)
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(RecipeError, match="not written by prv2 train"):
        average_checkpoints({one: None, tmp_path / "other.ckpt": None}, out)
    larger = replace(toy_recipe, coarse="small-lite2", epochs=1, validation=[], out=str(tmp_path / "larger"))
    run_recipe(larger, trainer_options=CPU)
    with pytest.raises(RecipeError, match=r"another network \(coarse, small-lite2\)"):
        average_checkpoints({one: None, tmp_path / "larger" / "last.ckpt": None}, out)
    assert not out.exists()


def test_parts_are_joined_as_they_are(runs: list[Path], toy_recipe: Recipe, tmp_path: Path) -> None:
    refine = replace(toy_recipe, task="refine", epochs=1, validation=[], init_coarse=str(runs[0]))
    refined = run_recipe(refine, trainer_options=CPU)
    recipe_file = tmp_path / "join.yaml"
    recipe_file.write_text("task: refine\nprocess_size: [64, 96]\nzero_residual: true\n")
    mean, joined = tmp_path / "mean=half.ckpt", tmp_path / "joined.safetensors"
    assert main(["train", "--average", str(mean), f"{runs[0]}=0.5", f"{runs[1]}=0.5"]) == 0
    parts = ["--set", f"init_coarse={mean}", "--set", f"init_refiner={refined}"]
    assert main(["train", str(recipe_file), *parts, "--assemble", str(joined)]) == 0
    header, refiner, coarse = load_weights(joined)
    for name, value in load_weights(refined)[1].items():
        assert torch.equal(refiner[name], value), name
    assert refiner["f2c.residual.weight"].abs().max() > 0
    weight = state_of(mean)["coarse.log_depth.weight"]
    assert torch.equal(coarse["log_depth.weight"], weight.half().float())
    origin = {facts["part"]: facts for facts in header.provenance["started_from"]}
    assert (header.provenance["recipe"]["task"], header.provenance["steps"]) == ("assembly", 0)
    assert [run["share"] for run in origin["coarse"]["started_from"]] == [0.5, 0.5]
    assert origin["refiner"]["steps"] == 2
    # Joined once more, each part still tells of itself alone.
    again = build_module(replace(refine, init_coarse=str(joined), init_refiner=str(joined)))
    (mean_facts,), (refiner_facts,) = (facts["started_from"] for facts in again.history)
    assert (mean_facts["source"], refiner_facts["part"]) == (mean.name, "refiner")
    # A refiner's run left the coarse branch alone.
    assert [f["part"] for f in build_module(replace(refine, init_coarse=str(refined))).history[0]["started_from"]] == [
        "coarse"
    ]


@pytest.mark.parametrize("missing", ["init_coarse", "init_refiner"])
def test_a_part_that_is_not_named_is_asked_for(tmp_path: Path, missing: str, capsys: pytest.CaptureFixture) -> None:
    recipe_file = tmp_path / "join.yaml"
    recipe_file.write_text("task: refine\n")
    named = "init_refiner" if missing == "init_coarse" else "init_coarse"
    out = tmp_path / "joined.safetensors"
    assert main(["train", str(recipe_file), "--set", f"{named}=some.ckpt", "--assemble", str(out)]) == 1
    assert f"--set {missing}=FILE is missing" in capsys.readouterr().err
    assert not out.exists()
