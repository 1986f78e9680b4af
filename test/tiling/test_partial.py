# SPDX-License-Identifier: Apache-2.0
"""Frames of which some tiles are refined: coarse depth elsewhere, and no step between the two."""

import itertools

import pytest
import torch
from torch import nn

from prv2_ros.model.refiner import ResidualRefiner
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.partial import TAPER, refine_some, taper

SIZE, GRID = (64, 96), (3, 4)


class FlatCoarse(nn.Module):
    """Five metres everywhere."""

    def forward(self, rgb):
        height, width = rgb.shape[-2:]
        features = [torch.zeros(1, 2, height >> k, width >> k) for k in range(6)]
        return torch.full((1, 1, height, width), 5.0), features


class ConstantResidual(ResidualRefiner):
    """One metre more."""

    def forward(self, rgb, coarse_depth, coarse_features):
        return torch.ones_like(coarse_depth)


@pytest.fixture(scope="module")
def model():
    return PatchRefiner(FlatCoarse(), ConstantResidual(), SIZE, GRID)


def _refine(model, chosen, size=(192, 384)):
    return refine_some(model, torch.rand(1, 3, *size), lambda gains: chosen, grid=GRID)


@pytest.mark.parametrize("chosen", [[5], [0, 1], [0, 5, 10], [1, 4, 5, 6], list(range(11)), [0, 1, 4]])
def test_a_constant_residual_leaves_no_step_anywhere(model, chosen):
    depth = _refine(model, chosen).depth[0, 0]
    across, down = depth.diff(dim=1).abs().max(), depth.diff(dim=0).abs().max()
    # The residual of 1 m fades over the taper: one pixel's share of that is the most that neighbours may differ by.
    assert across <= 1.01 / (TAPER * SIZE[1]) and down <= 1.01 / (TAPER * SIZE[0])
    assert depth.min() == pytest.approx(5.0, abs=1e-5) and depth.max() == pytest.approx(6.0, abs=1e-5)


def test_only_chosen_tiles_change_and_their_inside_changes_fully(model):
    depth = _refine(model, [5]).depth[0, 0].unflatten(0, (3, 64)).unflatten(2, (4, 96))
    for row, column in itertools.product(range(3), range(4)):
        tile = depth[row, :, column]
        inside, wanted = (tile[8:-8, 12:-12], 6.0) if (row, column) == (1, 1) else (tile, 5.0)
        assert (inside - wanted).abs().max() < 1e-5


def test_the_frame_border_and_refined_neighbours_are_no_seams():
    assert (taper(range(12), GRID, SIZE) == 1).all()
    corner = taper([0], GRID, SIZE)[0]
    assert corner[0, 0] == 1 and corner[0, -1] < 0.05 and corner[-1, 0] < 0.1


def test_weights_are_computed_once():
    first, again = taper([0, 5], GRID, SIZE), taper([0, 5], GRID, SIZE)
    assert torch.equal(first, again) and not first.is_inference()
    first.zero_()  # what is given away is nobody else's
    assert torch.equal(taper([0, 5], GRID, SIZE), again)


def test_the_weights_of_neighbours_meet_also_where_only_the_diagonal_is_not_refined():
    weights = dict(zip([0, 1, 4], taper([0, 1, 4], (2, 4), SIZE), strict=True))
    step = 1.01 / (TAPER * SIZE[1])
    assert (weights[0][:, -1] - weights[1][:, 0]).abs().max() <= step
    assert (weights[0][-1] - weights[4][0]).abs().max() <= 1.01 / (TAPER * SIZE[0])


def test_all_tiles_give_what_p16_gives(model):
    frame = torch.rand(1, 3, 190, 380)
    partial = refine_some(model, frame, lambda gains: list(range(12)), grid=GRID)
    torch.testing.assert_close(partial.depth, model(frame, "p16"), rtol=0, atol=1e-6)
    assert partial.depth.shape == (1, 1, 190, 380) and partial.changed == pytest.approx([1.0] * 12)


def test_the_choice_is_given_a_gain_for_every_tile(model):
    seen = []
    refine_some(model, torch.rand(1, 3, 192, 384), lambda gains: seen.extend(gains) or [3], grid=GRID)
    assert len(seen) == 12 and all(gain >= 0 for gain in seen)
