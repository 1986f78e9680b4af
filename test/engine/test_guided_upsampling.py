# SPDX-License-Identifier: Apache-2.0
"""Joint bilateral upsampling: edges where colours change, planes and noise as they are."""

import torch
import torch.nn.functional as F

from prv2_ros.engine.guided_upsampling import upsample_guided

SIZE = (192, 256)
LOW = (24, 32)


def low_of(depth):
    return F.interpolate(depth[None, None], LOW, mode="area")


def two_sides(column=131):
    """A near thing at 2 m left of a column, a wall at 6 m right of it, and a picture that shows it."""
    depth = torch.full(SIZE, 6.0)
    depth[:, :column] = 2.0
    frame = torch.full((1, 3, *SIZE), 0.7)
    frame[..., :column] = 0.2
    return depth, frame


def bilinear(low):
    return F.interpolate(low, SIZE, mode="bilinear", align_corners=False)[0, 0]


def test_an_edge_lies_where_the_colours_change():
    depth, frame = two_sides()
    low = low_of(depth)
    found = upsample_guided(low, torch.ones_like(low, dtype=torch.bool), frame, SIZE)[0][0, 0]
    wrong = ((found / depth - 1).abs() > 0.02).float().mean()
    assert wrong < 0.001 < 0.02 < ((bilinear(low) / depth - 1).abs() > 0.02).float().mean()


def test_without_a_change_of_colour_depth_is_interpolated_or_stays_between_both_sides():
    depth, frame = two_sides()
    low = low_of(depth)
    found = upsample_guided(low, torch.ones_like(low, dtype=torch.bool), torch.full_like(frame, 0.5), SIZE)[0][0, 0]
    assert found.min() + 1e-4 >= 2.0 and found.max() - 1e-4 <= 6.0
    assert (found - depth).abs().mean() <= (bilinear(low) - depth).abs().mean() * 1.05


def test_a_road_with_markings_and_noise_stays_as_interpolated():
    rows = torch.arange(SIZE[0], dtype=torch.float32)[:, None].expand(SIZE)
    generator = torch.Generator().manual_seed(0)
    road = 300.0 / (rows + 12.0)
    low = low_of(road) * (1 + 0.003 * torch.randn(LOW, generator=generator))
    frame = torch.full((1, 3, *SIZE), 0.3)
    for top in range(0, SIZE[0], 24):
        frame[..., top : top + 12, 60:200] = 0.9
    found = upsample_guided(low, torch.ones_like(low, dtype=torch.bool), frame, SIZE)[0][0, 0]
    expected = torch.exp(F.interpolate(low.log(), SIZE, mode="bilinear", align_corners=False))[0, 0]
    assert ((found / expected - 1).abs() > 0.02).float().mean() < 0.01


def test_what_was_filled_in_counts_less_than_what_was_measured():
    depth, frame = two_sides()
    low = low_of(depth)
    known = torch.ones_like(low, dtype=torch.bool)
    guess = low.clone()
    guess[..., 15] = 3.5  # a column of holes beside the edge, badly filled
    known[..., 15] = False
    trusted = upsample_guided(guess, torch.ones_like(known), frame, SIZE)[0][0, 0]
    doubted = upsample_guided(guess, known, frame, SIZE)[0][0, 0]
    error = [((found / depth - 1).abs() > 0.1).float().mean() for found in (trusted, doubted)]
    assert error[1] < 0.5 * error[0]


def test_zero_depth_and_flat_depth_give_finite_depth():
    frame = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(0))
    for value in (0.0, 3.0):
        low = torch.full((1, 1, *LOW), value)
        found, chosen = upsample_guided(low, torch.ones_like(low, dtype=torch.bool), frame, SIZE)
        assert not chosen.any()
        assert found.shape == (1, 1, *SIZE) and torch.isfinite(found).all()
