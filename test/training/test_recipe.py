# SPDX-License-Identifier: Apache-2.0
"""Recipes: the shipped files, overrides, and clear refusals."""

from pathlib import Path

import pytest

from prv2_ros.training.recipe import RecipeError, load_recipe

FOLDER = Path(__file__).resolve().parents[2] / "config" / "train"


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.yaml")))
def test_shipped_recipes_load_by_name(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.sets
    assert recipe.steps > 0
    assert all(entry["root"] in recipe.roots for entry in recipe.sets + recipe.validation)


def test_end_to_end_recipe_holds_the_papers_values() -> None:
    recipe = load_recipe("end_to_end")
    values = (recipe.lr, recipe.weight_decay, recipe.encoder_lr_factor, recipe.coarse_lr_factor, recipe.epochs)
    assert values == (1.2e-4, 1e-5, 0.1, 0.1, 48)
    assert (recipe.div, recipe.final_div, recipe.warm_up, recipe.clip) == (2, 100, 0.3, 35)


def test_overrides_reach_groups_and_are_typed() -> None:
    recipe = load_recipe("coarse_small", ["epochs=3", "losses.gradient=0.125", "roots.real=/data/x"])
    assert (recipe.epochs, recipe.losses["gradient"]) == (3, 0.125)
    assert recipe.roots["real"] == "/data/x"
    assert recipe.roots["rendered"]


def test_numbers_may_be_written_without_a_dot(tmp_path: Path) -> None:
    """YAML 1.1 reads 5e-4 as a text; a run began, and ended in a traceback from the optimiser."""
    file = tmp_path / "r.yaml"
    file.write_text("lr: 5e-4\nlosses: {silog: 1e-1}\n")
    recipe = load_recipe(file, ["weight_decay=1e-2", "view.min_scale=5e-1"])
    assert (recipe.lr, recipe.weight_decay) == (5e-4, 1e-2)
    assert (recipe.losses["silog"], recipe.view["min_scale"]) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "unknown key epoch"),
        ("task: dance", "dance"),
        ("epochs: 0", "epochs is 0"),
        ("a: [", "YAML"),
        ("lr: fast", "lr is 'fast', expected a number"),
        ("epochs: 2.5", "epochs is 2.5, expected a whole number"),
        ("batch_size: true", "batch_size is True, expected a whole number"),
        ("losses: {gradient: much}", "losses.gradient is 'much', expected a number"),
        ("losses: 3", "losses is 3, expected a group"),
    ],
)
def test_wrong_recipes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_recipe(file)


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="coarse_small"):
        load_recipe("no_such_recipe")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("losses={log_11: 1.0}", "unknown key log_11 in losses; known are log_l1"),
        ("view={min_scal: 0.5}", "unknown key min_scal in view"),
        ("sets=[{root: a, splt: train}]", "unknown key splt in sets; known are root, name, weight, split"),
        ("sets=[{name: a}]", "expected a list of groups that name a root"),
        ("roots=data", "roots is 'data', expected names with folders"),
        ("process_size=[360, 640]", r"process_size is \[360, 640\], expected height and width in multiples of 32"),
        ("tile_size=192", "tile_size is 192"),
        ("min_depth_m=200", "range 200 to 120 m"),
        ('zero_residual="no"', "zero_residual is 'no', expected true or false"),
        ("x=[", "the value is not YAML"),
    ],
)
def test_values_that_would_be_noticed_late_are_refused(change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe("coarse_small", [change])


def test_a_recipe_in_a_folder_that_is_missing_is_not_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe"):
        load_recipe(tmp_path / "coarse_small.yaml")
    with pytest.raises(RecipeError, match="not YAML"):
        load_recipe(tmp_path)
