# SPDX-License-Identifier: Apache-2.0
"""Values of REP 117, resampling that fits the intrinsics, and flying pixels."""

import numpy as np
import pytest
import torch

from prv2_ros.engine.filters import apply_range, mask_flying_pixels, relative_colour_position, resample_nearest

NAN, INF = float("nan"), float("inf")


def test_range_tells_unknown_near_and_far_apart():
    depth = torch.tensor([[NAN, -1.0, 0.0, -INF, 0.05, 0.1, 5.0, 80.0, 80.1, INF]])
    before = depth.clone()
    ranged = apply_range(depth, 0.1, 80.0)
    np.testing.assert_array_equal(ranged.numpy()[0], np.float32([NAN, NAN, NAN, NAN, -INF, 0.1, 5, 80, INF, INF]))
    np.testing.assert_array_equal(depth, before)


def test_range_of_a_large_frame_is_the_same_in_every_block_of_rows():
    """Blocks with nothing out of range, with one end, with the other, and with what is unknown."""
    depth = torch.full((200, 17), 5.0)
    depth[40, 3], depth[100, 5], depth[150, 0], depth[151, 1], depth[199, 16] = 0.01, 99.0, NAN, -2.0, INF
    memory = torch.full_like(depth, 7.0)
    assert apply_range(depth, 0.1, 80.0, out=memory) is memory
    expected = depth.clone()
    expected[40, 3], expected[100, 5], expected[150, 0], expected[151, 1] = -INF, INF, NAN, NAN
    np.testing.assert_array_equal(memory, expected)
    np.testing.assert_array_equal(apply_range(depth.double(), 0.1, 80.0), expected.double())


@pytest.mark.parametrize("size", [(6, 8), (12, 16), (5, 7), (30, 31), (1, 1)])
def test_resampling_takes_the_pixels_that_scaled_intrinsics_mean(size):
    depth = torch.arange(12.0 * 16).reshape(12, 16)
    small = resample_nearest(depth, *size)
    assert small.shape == size
    for v in range(size[0]):
        for u in range(size[1]):
            assert small[v, u] == depth[int(v * 12 / size[0]), int(u * 16 / size[1])]


def test_same_size_is_the_same_tensor():
    depth = torch.rand(4, 5)
    assert resample_nearest(depth, 4, 5) is depth


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_pixels_between_two_surfaces_are_flying_and_the_surfaces_stay(turn):
    row = torch.tensor([5.0, 5.0, 5.0, 8.0, 12.0, 20.0, 20.0, 20.0])
    depth = torch.rot90(row.repeat(8, 1), turn)
    flying = torch.rot90(torch.tensor([0, 0, 0, 1, 1, 0, 0, 0]).bool().repeat(8, 1), turn)
    assert torch.equal(mask_flying_pixels(depth, 0.1).isnan(), flying)


def test_clean_steps_thin_poles_and_slanted_planes_stay():
    step = torch.tensor([5.0] * 4 + [20.0] * 4).repeat(8, 1)
    pole = torch.tensor([20.0] * 3 + [5.0] + [20.0] * 4).repeat(8, 1)
    plane = torch.linspace(5, 6, 8).repeat(8, 1)
    for depth in (step, pole, plane):
        assert not mask_flying_pixels(depth, 0.05).isnan().any()


def test_a_jump_as_large_as_allowed_is_none():
    depth = torch.tensor([[10.0, 10.4, 10.8], [10.0, 10.6, 11.3]]).repeat_interleave(3, 0)
    mask = mask_flying_pixels(depth, 0.05).isnan()
    assert not mask[:3].any() and mask[3:, 1].all() and mask.sum() == 3


def test_unknown_and_infinite_neighbours_are_not_used():
    depth = torch.tensor([[5.0, 8.0, INF], [NAN, 8.0, 20.0], [5.0, 0.0, 20.0]]).repeat_interleave(3, 0)
    result = mask_flying_pixels(depth, 0.05)
    np.testing.assert_array_equal(result, depth)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 5)])
def test_tiny_images_pass(shape):
    assert torch.equal(mask_flying_pixels(torch.ones(shape), 0.05), torch.ones(shape))


def test_colour_is_even_in_inverse_depth():
    depth = torch.tensor([[0.5, 1 / 1.01, 50.0, 100.0, INF, 0.1, -INF, NAN]])
    position = relative_colour_position(depth, 0.5, 50.0)[0]
    np.testing.assert_allclose(position[:7], [1, (1.01 - 0.02) / 1.98, 0, 0, 0, 1, 1], atol=1e-6)
    assert position[7].isnan()
