# SPDX-License-Identifier: Apache-2.0
"""The refiner of log depth: equivariant to scale, positive, and beside any coarse depth."""

import copy

import pytest
import torch

from prv2_ros.model import create_refiner
from prv2_ros.model.log_refiner import FARTHEST, relative_log_depth

SIZE = (64, 96)


@pytest.fixture(scope="module")
def refiner():
    torch.manual_seed(0)
    refiner = create_refiner("prv2s").eval()
    torch.nn.init.normal_(refiner.f2c.residual.weight, std=0.3)  # as if trained: a residual that can be seen
    return refiner


@pytest.fixture
def tile():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, *SIZE, generator=generator), 1 + 4 * torch.rand(2, 1, *SIZE, generator=generator)


@torch.inference_mode()
@pytest.mark.parametrize("factor", (0.1, 20.0))
def test_depth_scales_with_the_coarse_depth(refiner, tile, factor):
    rgb, depth = tile
    refined = refiner.refine(rgb, depth)
    assert (refined / depth).log().abs().max() > 0.01
    assert torch.allclose(refiner.refine(rgb, depth * factor), refined * factor, rtol=1e-3)


@torch.inference_mode()
def test_depth_is_positive_where_the_coarse_depth_is_zero_or_huge(refiner, tile):
    rgb, depth = tile
    depth[:, :, :8], depth[:, :, 8:16] = 0.0, 1e6
    refined = refiner.refine(rgb, depth)
    assert torch.isfinite(refined).all() and (refined > 0).all()


@torch.inference_mode()
def test_no_pixel_goes_far_beyond_its_tile(refiner, tile):
    """Sky of real frames has no target in training: what the network extrapolates there is bounded."""
    rgb, depth = tile
    wild = copy.deepcopy(refiner)
    wild.f2c.residual.bias = torch.nn.Parameter(torch.full((1,), 3.0))
    refined = wild.refine(rgb, depth)
    limit = FARTHEST * depth.amax((2, 3), keepdim=True)
    assert (refined <= limit * 1.0001).all()
    assert (refined > limit * 0.9999).float().mean() > 0.5


@torch.inference_mode()
def test_a_tile_does_not_depend_on_its_batch(refiner, tile):
    rgb, depth = tile
    assert torch.allclose(refiner.refine(rgb, depth)[:1], refiner.refine(rgb[:1], depth[:1]), rtol=1e-4)


def test_it_reads_no_feature_of_a_coarse_network(refiner):
    assert refiner.coarse_channels == ()


def test_relative_log_depth_has_no_mean(tile):
    log_depth, relative = relative_log_depth(tile[1])
    assert torch.allclose(relative.mean((2, 3)), torch.zeros(2, 1), atol=1e-5)
    assert torch.allclose((log_depth - relative).amax((2, 3)), log_depth.mean((2, 3)), atol=1e-5)


def test_sizes_that_do_not_fit_are_named(refiner):
    with pytest.raises(ValueError, match="tile size 40x96 is not a multiple of 32"):
        refiner.refine(torch.rand(1, 3, 40, 96), torch.rand(1, 1, 40, 96))
    with pytest.raises(ValueError, match="coarse depth is"):
        refiner.refine(torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 64))
