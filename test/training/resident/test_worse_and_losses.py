# SPDX-License-Identifier: Apache-2.0
"""Exact depth made worse, and the losses that only the resident trainer has."""

import math

import pytest
import torch

from prv2_ros.training.resident.objectives import (
    away_from_edges,
    error_loss,
    refining_losses,
    relative_loss,
    with_sky,
    worse_depth,
)


def _step(height: int = 64, width: int = 96) -> torch.Tensor:
    depth = torch.full((5, 1, height, width), 10.0)
    depth[..., width // 2 :] = 4.0
    return depth


def test_worse_depth_loses_edges_and_keeps_the_range():
    torch.manual_seed(0)
    log_depth = _step().log()
    worse = worse_depth(log_depth)
    assert worse.shape == log_depth.shape and torch.isfinite(worse).all()
    jump = (log_depth[..., 1:] - log_depth[..., :-1]).abs().amax((1, 2, 3))
    assert ((worse[..., 1:] - worse[..., :-1]).abs().amax((1, 2, 3)) < 0.6 * jump).all()
    assert (worse - log_depth).abs().median() < 0.3


def test_relative_loss_ignores_scale_and_shift_and_unlabelled_images():
    torch.manual_seed(0)
    depth = 1 + 9 * torch.rand(3, 1, 16, 16)
    label = 0.3 / depth + 0.1
    assert relative_loss(depth.log(), label, torch.tensor([True, True, True])) < 1e-4
    other = torch.rand_like(label)
    assert relative_loss(depth.log(), other, torch.tensor([True, False, False])) > 0.1
    assert relative_loss(depth.log(), other, torch.zeros(3, dtype=torch.bool)) == 0


def test_error_loss_is_least_at_the_mean_error_and_teaches_no_depth():
    target = torch.full((1, 1, 8, 8), 5.0)
    log_depth = (target * math.exp(0.2)).log().requires_grad_()
    values = {b: float(error_loss(log_depth, torch.full_like(target, math.log(b)), target)) for b in (0.1, 0.2, 0.4)}
    assert min(values, key=values.get) == 0.2
    log_b = torch.zeros_like(target, requires_grad=True)
    error_loss(log_depth, log_b, target).backward()
    assert log_depth.grad is None and log_b.grad.abs().sum() > 0


def test_sky_costs_nothing_where_it_is_far_enough():
    target = torch.full((1, 1, 4, 4), math.inf)
    near, far = torch.full_like(target, math.log(20.0)), torch.full_like(target, math.log(400.0))
    sky = torch.full((1, 1, 1, 1), 120.0)
    assert torch.allclose(with_sky(target, near, sky), torch.tensor(120.0))
    assert torch.allclose(with_sky(target, far, sky).log(), far)


def test_edges_are_learnt_from_exact_depth_alone():
    target = _step()[:2]
    blurred = torch.full_like(target, 7.0).log()
    exact = torch.tensor([True, False])
    weights = {"log_l1": 1.0, "gradient": 1.0, "ssigm": 1.0}
    _, parts = refining_losses(blurred, target, exact, weights)
    assert parts["gradient"] > 0.1 and parts["real"] > 0.1
    _, none = refining_losses(blurred, target, torch.tensor([False, False]), weights)
    assert none["gradient"] == none["log_l1"] == none["ssigm"] == 0
    calm = away_from_edges(target)
    assert not calm[..., 44:52].any() and calm[..., :40].all()


@pytest.mark.parametrize("unknown", (0.0, math.inf))
def test_unknown_depth_has_no_part_in_the_real_loss(unknown):
    target = torch.full((1, 1, 32, 32), 5.0)
    target[..., :8] = unknown
    assert not away_from_edges(target)[..., :11].any()
