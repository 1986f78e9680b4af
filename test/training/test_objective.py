# SPDX-License-Identifier: Apache-2.0
"""The joined objective: scale, balance between frames, sky, and gradients that never die."""

import math

import pytest
import torch

from prv2_ros.training.objective import (
    ROBUST_SCALE,
    depth_objective,
    edge_loss,
    log_l1_loss,
    log_robust_loss,
    relative_rmse_loss,
    sky_loss,
)
from prv2_ros.training.tiles import NEAREST_M, positive


def test_log_l1_is_the_log_of_the_scale() -> None:
    target = torch.rand(2, 1, 8, 8) * 5 + 1
    assert float(log_l1_loss((target * 1.4).log(), target)) == pytest.approx(math.log(1.4), rel=1e-4)


def test_the_robust_loss_is_geman_and_mcclures_and_its_pull_fades() -> None:
    target = torch.tensor([2.0, 5.0, 0.0, math.inf]).view(1, 1, 2, 2)
    x = 1.7
    log_depth = (target.clamp(min=1, max=80).log() + x * ROBUST_SCALE).requires_grad_()
    assert float(log_robust_loss(log_depth, target)) == pytest.approx(2 * x**2 / (x**2 + 4), rel=1e-5)

    def pull(error: float) -> float:
        offset = torch.tensor(error, requires_grad=True)
        log_robust_loss(torch.full((1, 1, 2, 2), math.log(3.0)) + offset, torch.full((1, 1, 2, 2), 3.0)).backward()
        return float(offset.grad)

    assert pull(0.0) == pytest.approx(0.0, abs=1e-6)
    strongest = 2 / math.sqrt(3) * ROBUST_SCALE
    assert pull(strongest) > pull(0.9 * strongest) and pull(strongest) > pull(1.1 * strongest)
    assert pull(1.5) < 0.1 * pull(strongest)


def test_answered_with_the_likelier_of_two_surfaces() -> None:
    """Two in three say 2 m, one in three says 6 m: the robust loss is smallest at 2 m, not between."""
    target = torch.tensor([2.0, 2.0, 6.0]).view(1, 1, 1, 3)
    losses = {d: float(log_robust_loss(torch.full_like(target, math.log(d)), target)) for d in (2.0, 2.9, 6.0)}
    assert losses[2.0] < losses[6.0] < losses[2.9]


def test_a_sparse_frame_counts_as_much_as_a_dense_one() -> None:
    target = torch.full((2, 1, 10, 10), 3.0)
    target[1] = 0
    target[1, 0, 4, 4] = 3.0
    log_depth = target.clamp(min=1).log()
    log_depth[1] += 1.0
    assert float(log_l1_loss(log_depth, target)) == pytest.approx(0.5, abs=1e-6)


def test_a_frame_without_depth_takes_no_part() -> None:
    target = torch.full((2, 1, 4, 4), 2.0)
    target[0] = 0
    log_depth = torch.full((2, 1, 4, 4), math.log(2.0))
    log_depth[0] = 9.0
    assert float(log_l1_loss(log_depth, target)) == pytest.approx(0.0, abs=1e-6)


def test_relative_rmse_is_the_rmse_over_the_mean_depth() -> None:
    target = torch.tensor([2.0, 4.0, 0.0, math.inf]).view(1, 1, 2, 2)
    depth = torch.tensor([3.0, 7.0, 99.0, 99.0]).view(1, 1, 2, 2)
    assert float(relative_rmse_loss(depth, target)) == pytest.approx(math.sqrt(5.0) / 4.0, rel=1e-5)
    far = torch.full((1, 1, 2, 2), 84.0)
    near = torch.full((1, 1, 2, 2), 3.0)
    assert float(relative_rmse_loss(far, near)) == pytest.approx(1 + math.log(81.0 / 4.0), rel=1e-4)


def test_the_edge_loss_sees_smeared_edges_but_no_scale() -> None:
    target = torch.full((1, 1, 48, 48), 2.0)
    target[..., 24:] = 9.0
    valid = torch.ones_like(target, dtype=torch.bool)
    assert float(edge_loss((target * 1.7).log(), target, valid)) == pytest.approx(0.0, abs=1e-5)
    smeared = torch.nn.functional.avg_pool2d(target, (1, 9), 1, (0, 4), count_include_pad=False)
    torch.manual_seed(0)
    near = float(edge_loss(smeared.log(), target, valid))
    assert near > 1e-3
    # as much of an edge between 20 m and 90 m: what counts is the ratio
    torch.manual_seed(0)
    assert float(edge_loss((smeared * 10).log(), target * 10, valid)) == pytest.approx(near, rel=1e-3)


def test_sky_is_pushed_away_but_not_to_one_distance() -> None:
    target = torch.full((1, 1, 4, 4), math.inf)
    assert float(sky_loss(torch.full((1, 1, 4, 4), math.log(150.0)), target, 100.0)) == 0.0
    assert float(sky_loss(torch.full((1, 1, 4, 4), math.log(50.0)), target, 100.0)) == pytest.approx(math.log(2.0))


@pytest.mark.parametrize("target_value", [0.0, math.inf, 4.0])
def test_gradients_are_finite_for_every_kind_of_target(target_value: float) -> None:
    log_depth = torch.zeros(2, 1, 32, 32, requires_grad=True)
    weights = {"log_l1": 1.0, "log_robust": 1.0, "silog": 1.0, "gradient": 1.0, "ssigm": 1.0, "rmse": 1.0, "sky": 1.0}
    target = torch.full((2, 1, 32, 32), target_value)
    loss, _ = depth_objective(log_depth, target, torch.zeros(2, dtype=torch.bool), weights, sky_depth_m=100.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(log_depth.grad).all()


def test_positive_clamps_but_lets_the_gradient_through() -> None:
    depth = torch.tensor([-2.0, 3.0], requires_grad=True)
    out = positive(depth)
    out.sum().backward()
    torch.testing.assert_close(out.detach(), torch.tensor([NEAREST_M, 3.0]))
    assert depth.grad.tolist() == [1.0, 1.0]
