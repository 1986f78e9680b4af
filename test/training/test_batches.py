# SPDX-License-Identifier: Apache-2.0
"""Batches: a tile's box, picture and depth must speak of one place, whatever the view."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prv2_ros.data import Mixture, Sample
from prv2_ros.errors import DataError
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.training.batches import CoarseViews, RefinerTiles, canonical_target, open_sets
from prv2_ros.training.loader import EpochSampler, training_loader
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.refiner_module import RefinerModule


class Ramp:
    """One frame of 1024 x 768 whose depth and colour are smooth and without symmetry."""

    name, licence = "ramp", "CC0"

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        y, x = np.mgrid[0:768, 0:1024]
        depth = (5 + 3 * np.sin(x / 260) + 2 * np.cos(y / 170) + x / 500).astype(np.float32)
        rgb = np.repeat((depth * 15).astype(np.uint8)[..., None], 3, 2)
        return Sample(rgb, depth, (700.0, 720.0), "0")


@pytest.mark.parametrize("index", range(6))
def test_roi_of_the_whole_frames_depth_is_the_tiles_depth(index: int) -> None:
    recipe = Recipe(
        task="refine", colour=0.0, tiles_per_frame=3, view={"whole": 0.3, "min_scale": 0.6, "aspect_jitter": 0.3}
    )
    mixture = Mixture([Ramp()], [1.0], seed=2)
    item = RefinerTiles(mixture, recipe)[index]
    # The whole view's canonical depth, drawn the same way, stands in for a perfect coarse branch.
    frame_depth = item["frame"][:1].float()[None] / 15
    coarse = create_coarse("small")
    module = RefinerModule(coarse, create_refiner("prv2m-narrow", coarse_channels=coarse.channels), recipe)
    cropped, _ = module.crop(frame_depth, [], item["box"][None])
    assert cropped.shape == (3, 1, 192, 256)
    ratio = item["depth"] / cropped
    scale = ratio.median()
    assert float(((ratio / scale) - 1).abs().max()) < 0.03
    assert torch.allclose(item["rgb"][:, :1].float() / 15, cropped, atol=0.25)


def test_tiles_lie_between_the_engines_scale_and_that_of_the_pixels() -> None:
    recipe = Recipe(task="refine", tiles_per_frame=30, view={"whole": 1.0})
    item = RefinerTiles(Mixture([Ramp()], [1.0]), recipe)[0]
    width = item["box"][:, 2]
    # 1024 x 768 is one tile to the engine, of which the training tile is half; its pixels fill 2 x 2 tiles, times 1.25.
    assert 0.5 / 2.5 * 0.89 < float(width.min()) < 0.27
    assert 0.4 < float(width.max()) < 0.5 * 1.12


def test_tiles_of_a_given_grid_have_its_scale() -> None:
    recipe = Recipe(task="refine", tiles_per_frame=30, grid=[2, 2], view={"whole": 1.0})
    width = RefinerTiles(Mixture([Ramp()], [1.0]), recipe)[0]["box"][:, 2]
    assert 0.25 * 0.9 < float(width.min()) < float(width.max()) < 0.25 * 1.11


def test_steps_in_a_row_take_other_tiles_of_the_same_frames(toy_recipe: Recipe) -> None:
    recipe = replace(toy_recipe, task="refine", steps_per_draw=3, steps_per_epoch=6, colour=1.0)
    datasets, weights, _ = open_sets(recipe, recipe.sets)
    batches = list(training_loader(RefinerTiles(Mixture(datasets, weights), recipe), recipe))
    assert [b["draw"] for b in batches] == [["0", "1"]] * 3 + [["2", "3"]] * 3
    for first, other in ((0, 1), (0, 2), (3, 4), (3, 5)):
        assert torch.equal(batches[first]["frame"], batches[other]["frame"])
        assert not torch.equal(batches[first]["box"], batches[other]["box"])
    assert not torch.equal(batches[0]["frame"], batches[3]["frame"])
    # the first step's tiles are those of a run that draws anew for every step
    plain = RefinerTiles(Mixture(datasets, weights), replace(recipe, steps_per_draw=1))
    assert torch.equal(batches[3]["rgb"][0], plain[2]["rgb"])


def test_coarse_views_carry_the_views_own_focal_length() -> None:
    recipe = Recipe(colour=0.0, view={"whole": 0.0, "min_scale": 0.5, "aspect_jitter": 0.0, "max_roll_deg": 0.0})

    class Flat(Ramp):
        def __getitem__(self, index: int) -> Sample:
            return Sample(np.zeros((384, 512, 3), np.uint8), np.full((384, 512), 2.0, np.float32), (400.0, 400.0), "0")

    depths = [float(CoarseViews(Mixture([Flat()], [1.0]), recipe)[i]["depth"].median()) for i in range(20)]
    assert all(1.0 <= d <= 2.0 for d in depths)  # a crop of share s looks like a longer lens: 2 m * s
    assert np.std(depths) > 0.1


def test_each_item_depends_on_its_index_alone(toy_recipe: Recipe) -> None:
    datasets, weights, _ = open_sets(toy_recipe, toy_recipe.sets)
    views = CoarseViews(Mixture(datasets, weights, seed=1), toy_recipe)
    first = views[5]
    views[6]
    again = views[5]
    assert torch.equal(first["rgb"], again["rgb"])
    assert torch.equal(first["depth"], again["depth"])
    assert not torch.equal(first["rgb"], views[7]["rgb"])


def test_ranks_share_an_epoch_without_overlap() -> None:
    samplers = [EpochSampler(12, rank=r, world_size=3) for r in range(3)]
    for sampler in samplers:
        sampler.set_epoch(2)
    indices = [list(s) for s in samplers]
    assert sorted(i for own in indices for i in own) == list(range(24, 36))
    assert all(len(i) == len(s) for i, s in zip(indices, samplers, strict=True))


def test_batches_are_page_locked_where_cuda_is(toy_recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets, weights, _ = open_sets(toy_recipe, toy_recipe.sets)
    views = CoarseViews(Mixture(datasets, weights), toy_recipe)
    for cuda in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        assert training_loader(views, toy_recipe).pin_memory == cuda


def test_loader_yields_the_recipes_batches(toy_recipe: Recipe) -> None:
    datasets, weights, _ = open_sets(toy_recipe, toy_recipe.sets)
    batches = list(training_loader(CoarseViews(Mixture(datasets, weights), toy_recipe), toy_recipe))
    assert len(batches) == toy_recipe.steps_per_epoch
    assert batches[0]["rgb"].shape == (2, 3, 32, 48)
    assert torch.isinf(torch.cat([b["depth"] for b in batches])).any()


def test_missing_sets_are_named(toy_recipe: Recipe) -> None:
    with pytest.raises(DataError, match=r"roots\.other"):
        open_sets(toy_recipe, [{"root": "other"}])
    with pytest.raises(DataError, match="street"):
        open_sets(toy_recipe, [{"root": "toy", "name": "street*"}])
    assert open_sets(toy_recipe, [{"root": "toy", "name": "street*", "optional": True}])[0] == []


def test_depth_beyond_the_range_is_no_target_and_sky_stays_sky() -> None:
    depth = np.array([[0.0, 5.0, 79.0, 81.0, np.inf]], np.float32)
    target = canonical_target(depth, 0.5, Recipe(max_depth_m=80.0))[0, 0]
    assert target.tolist() == [0.0, 2.5, 39.5, 0.0, float("inf")]
