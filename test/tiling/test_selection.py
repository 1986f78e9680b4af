# SPDX-License-Identifier: Apache-2.0
"""The choice of tiles: where refinement matters, and every tile in bounded time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prv2_ros.tiling.selection import TileHistory, expected_gain, refresh_bound

GRID = (4, 4)


def _gains(depth=None, rgb=None, far_m=100.0):
    depth = torch.full((1, 1, 96, 128), 5.0) if depth is None else depth
    rgb = torch.full((1, 3, 96, 128), 0.5) if rgb is None else rgb
    return expected_gain(rgb, depth, GRID, far_m=far_m)


def test_detail_of_the_picture_and_steps_of_the_coarse_depth_attract_refinement():
    rgb, depth = torch.full((1, 3, 96, 128), 0.5), torch.full((1, 1, 96, 128), 5.0)
    rgb[..., 48:72, 32:64:2] = 1.0
    assert _gains(rgb=rgb).argmax() == 9
    depth[..., 24:48:2, 64:96] = 5.5
    assert _gains(depth).argmax() == 6


def test_the_far_counts_more_than_the_near_and_the_sky_no_more_than_the_far():
    depth = torch.full((1, 1, 96, 128), 5.0)
    depth[..., 64:] = 50.0
    assert _gains(depth)[15] > 50 * _gains(depth)[12]
    sky = torch.where(depth > 20, 5000.0, depth)
    assert _gains(sky)[15] == _gains(depth * 2)[15] == _gains(depth)[15] * 4


def test_the_tiles_of_the_greatest_gain_are_chosen_in_reading_order():
    assert TileHistory(6).choose([0.0, 5.0, 1.0, 9.0, 2.0, 0.5], 3) == [1, 3, 4]
    assert TileHistory(2).choose([1.0, 2.0], 9) == [0, 1]


def test_what_a_tile_really_changed_corrects_what_the_picture_promised():
    history = TileHistory(4)
    expected = [4.0, 3.0, 2.0, 1.0]
    history.refined([0, 1], expected, [0.1, 6.9])
    assert history.choose(expected, 1) == [1]


@given(
    tiles=st.integers(1, 24),
    counts=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_every_tile_is_refined_within_the_bound_whatever_the_gains(tiles, counts, seed):
    generator = torch.Generator().manual_seed(seed)
    # The same tiles promise most in every frame: without staleness the others would never be refined.
    gains = (torch.rand(tiles, generator=generator) ** 8 * 1e6).tolist()
    history, last = TileHistory(tiles), [-1] * tiles
    bound = refresh_bound(tiles, min(counts))
    for frame in range(4 * bound):
        chosen = history.choose(gains, counts[frame % len(counts)])
        assert len(chosen) == min(counts[frame % len(counts)], tiles)
        history.refined(chosen, gains, [gains[tile] for tile in chosen])
        for tile in chosen:
            last[tile] = frame
        assert max(frame - at for at in last) <= bound


@pytest.mark.parametrize("tiles,per_frame,bound", [(16, 8, 10), (16, 16, 5), (16, 1, 80), (64, 10, 35)])
def test_the_bound_is_what_the_pages_say(tiles, per_frame, bound):
    assert refresh_bound(tiles, per_frame) == bound


def test_a_fully_refined_frame_leaves_no_tile_stale():
    history = TileHistory(3)
    history.refined([0], [1.0, 1.0, 1.0], [1.0])
    assert history.ages == [0, 1, 1]
    history.refined_all()
    assert history.ages == [0, 0, 0]
