# SPDX-License-Identifier: Apache-2.0
"""Defining properties of the losses on pseudo labels: local SSIGM, edge-guided ranking, DSD."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from prv2_ros.training.losses import (
    dsd_loss,
    edge_ranking_loss,
    local_ssigm_loss,
    silog_loss,
    ssi_loss,
)
from prv2_ros.training.losses.detail import _mean_over_windows, cut_windows
from prv2_ros.training.losses.maps import masked_pair


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def step_edges(seed: int = 0, batch: int = 2, height: int = 48, width: int = 64) -> torch.Tensor:
    """Blocks of 8x8 px at random depths of 3 to 15 m with a little relief."""
    generator = seeded(seed)
    blocks = 3 + 12 * torch.rand(batch, 1, height // 8, width // 8, generator=generator)
    relief = 0.1 * torch.rand(batch, 1, height, width, generator=generator)
    return blocks.repeat_interleave(8, 2).repeat_interleave(8, 3) + relief


def smear(depth: torch.Tensor, size: int = 7) -> torch.Tensor:
    return functional.avg_pool2d(depth, size, 1, size // 2, count_include_pad=False)


def over_grid(prediction: torch.Tensor, target: torch.Tensor, side: int) -> torch.Tensor:
    """Local SSIGM over the windows of a regular grid instead of random ones."""
    rows, columns = target.shape[-2] // side, target.shape[-1] // side
    top, left = torch.meshgrid(torch.arange(rows) * side, torch.arange(columns) * side, indexing="ij")
    top, left = (corner.reshape(1, -1).expand(target.shape[0], -1) for corner in (top, left))
    windows = cut_windows(masked_pair(prediction, target, None), top, left, side, side)
    return _mean_over_windows(prediction, windows)


def test_ssigm_is_zero_under_a_different_affine_map_in_every_window():
    target = step_edges().double()
    side = 16
    grid = (2, 1, target.shape[-2] // side, target.shape[-1] // side)
    scale, shift = (
        (low + high * torch.rand(grid, generator=seeded(1), dtype=torch.float64))
        .repeat_interleave(side, 2)
        .repeat_interleave(side, 3)
        for low, high in ((0.3, 3.0), (0.5, 5.0))
    )
    prediction = scale * target + shift
    assert over_grid(prediction, target, side).item() < 1e-12
    assert over_grid(prediction.float(), target.float(), side).item() < 1e-5
    assert local_ssigm_loss(prediction, target, window_px=None).item() > 0.1, "one map for the image does not fit"


def test_ssigm_is_not_zero_under_a_smeared_edge():
    target = step_edges()
    assert local_ssigm_loss(2 * target + 3, target, generator=seeded()).item() < 1e-5
    slightly = local_ssigm_loss(smear(target, 3), target, generator=seeded()).item()
    smeared = local_ssigm_loss(smear(target), target, generator=seeded()).item()
    assert 0.1 < slightly < smeared


def ssigm_by_lstsq(prediction, target, mask, top, left, side):
    """From the definition, window by window, with numpy's least squares."""
    values = []
    for image in range(prediction.shape[0]):
        for row, column in zip(top[image], left[image], strict=True):
            cut = np.s_[image, 0, row : row + side, column : column + side]
            estimate, truth, valid = prediction[cut], target[cut], mask[cut]
            system = np.stack((estimate[valid], np.ones(valid.sum())), axis=1)
            if valid.sum() < 2 or np.std(estimate[valid]) < 1e-9:
                continue
            (scale, shift), *_ = np.linalg.lstsq(system, truth[valid], rcond=None)
            residual = scale * estimate + shift - truth
            along_x = np.abs(np.diff(residual, axis=1))[valid[:, 1:] & valid[:, :-1]]
            along_y = np.abs(np.diff(residual, axis=0))[valid[1:] & valid[:-1]]
            if along_x.size + along_y.size:
                values.append((along_x.mean() if along_x.size else 0) + (along_y.mean() if along_y.size else 0))
    return np.mean(values)


@pytest.mark.parametrize("density", [1.0, 0.4, 0.05])
def test_ssigm_agrees_with_lstsq_on_the_same_random_windows(density):
    target = step_edges()
    prediction = smear(target) + 0.2 * torch.rand(target.shape, generator=seeded(2))
    prediction[0, 0, :20, :20] = 6.0
    mask = torch.rand(target.shape, generator=seeded(3)) < density
    draws = seeded(7)
    top = torch.randint(0, 48 - 9 + 1, (2, 100), generator=draws)
    left = torch.randint(0, 64 - 9 + 1, (2, 100), generator=draws)
    arrays = (tensor.double().numpy() for tensor in (prediction, target))
    expected = ssigm_by_lstsq(*arrays, mask.numpy(), top.numpy(), left.numpy(), 9)
    found = local_ssigm_loss(prediction, target, mask, window_px=9, generator=seeded(7))
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_ssigm_skips_singular_windows_and_keeps_the_others():
    target = step_edges(batch=1)
    prediction = smear(target)
    prediction[..., :32] = 5.0
    left_half, whole = prediction[..., :32], over_grid(prediction, target, 16)
    assert over_grid(left_half, target[..., :32], 16).item() == 0.0
    assert whole.item() == pytest.approx(over_grid(prediction[..., 32:], target[..., 32:], 16).item(), rel=1e-5)
    leaf = prediction.clone().requires_grad_()
    over_grid(leaf, target, 16).backward()
    assert torch.isfinite(leaf.grad).all()


def test_ssigm_repeats_with_a_generator_and_takes_windows_larger_than_the_image():
    target = step_edges()
    prediction = smear(target)
    first, again, other = (local_ssigm_loss(prediction, target, generator=seeded(s)).item() for s in (4, 4, 5))
    assert first == again != other
    large = local_ssigm_loss(prediction, target, window_px=500, generator=seeded())
    assert large.item() == pytest.approx(local_ssigm_loss(prediction, target, window_px=None).item(), rel=1e-5)
    with pytest.raises(ValueError, match="window_px is 1"):
        local_ssigm_loss(prediction, target, window_px=1)


def test_ssigm_pulls_a_smeared_edge_sharp():
    target = step_edges(batch=1)
    prediction = smear(target).requires_grad_()
    before = local_ssigm_loss(prediction, target, generator=seeded()).item()
    optimiser = torch.optim.Adam([prediction], lr=0.05)
    for step in range(60):
        optimiser.zero_grad()
        local_ssigm_loss(prediction, target, generator=seeded(step)).backward()
        optimiser.step()
    assert local_ssigm_loss(prediction, target, generator=seeded()).item() < 0.5 * before


def one_step(near: float = 4.0, far: float = 12.0) -> torch.Tensor:
    target = torch.full((1, 1, 64, 64), far)
    target[..., 32:] = near
    return target


def test_ranking_prefers_the_order_of_the_pseudo_label():
    target = one_step()
    right, flat, wrong = (
        edge_ranking_loss(prediction, target, generator=seeded()).item()
        for prediction in (target, torch.full_like(target, 8.0), 16.0 - target)
    )
    assert right < flat < wrong


def test_ranking_gradient_pushes_the_two_sides_apart():
    target = one_step()
    prediction = torch.full_like(target, 8.0).requires_grad_()
    edge_ranking_loss(prediction, target, generator=seeded()).backward()
    assert prediction.grad[..., :32].sum() < 0 < prediction.grad[..., 32:].sum()


def test_ranking_edge_pairs_lie_on_the_gradient_and_within_reach():
    target = one_step()
    prediction = target.clone().requires_grad_()
    edge_ranking_loss(prediction, target, random_pairs=0, edge_points=1, generator=seeded(3)).backward()
    touched = prediction.grad[0, 0].nonzero()
    assert 0 < len(touched) <= 4
    assert len(touched[:, 0].unique()) == 1, "a vertical edge is crossed along its row"
    assert ((touched[:, 1] - 32).abs() <= 31).all()


def test_ranking_treats_a_ratio_within_three_percent_as_equal():
    target = torch.full((1, 1, 16, 16), 10.0)
    target[..., 8:] = 10.25
    prediction = torch.full_like(target, 5.0)
    assert edge_ranking_loss(prediction, target, generator=seeded()).item() == 0.0
    prediction[..., 8:] = 7.0
    value = edge_ranking_loss(prediction, target, generator=seeded()).item()
    assert value == pytest.approx(4.0 * 0.5, abs=0.5), "half of the pairs differ by 2 m, squared"


def test_ranking_agrees_with_the_definition_pair_by_pair():
    target = step_edges(batch=1)
    prediction = smear(target)
    draws = seeded(9)
    pixels = torch.randint(0, target.numel(), (2, 300), generator=draws).numpy()
    flat_target, flat_prediction = (tensor.double().flatten().numpy() for tensor in (target, prediction))
    values = []
    for first, second in pixels.T:
        delta = flat_prediction[first] - flat_prediction[second]
        ratio = flat_target[first] / flat_target[second]
        if ratio > 1.03:
            values.append(math.log(1 + math.exp(-delta)))
        elif ratio < 1 / 1.03:
            values.append(math.log(1 + math.exp(delta)))
        else:
            values.append(delta**2)
    found = edge_ranking_loss(prediction, target, edge_points=0, random_pairs=300, generator=seeded(9))
    assert found.item() == pytest.approx(np.mean(values), abs=1e-5)


def test_dsd_is_the_weighted_sum_of_its_parts_and_spares_the_teacher():
    pseudo = (1.3 * step_edges()).requires_grad_()
    target = step_edges()
    mask = torch.rand(target.shape, generator=seeded(1)) < 0.05
    prediction = smear(target)
    draws = seeded(6)
    rank = edge_ranking_loss(prediction, pseudo.detach(), generator=draws)
    ssigm = local_ssigm_loss(prediction, pseudo.detach(), window_px=15, windows=50, generator=draws)
    expected = silog_loss(prediction, target, mask) + 0.8 * (rank + ssigm)
    settings = {"pseudo": pseudo, "window_px": 15, "windows": 50}
    found = dsd_loss(prediction.requires_grad_(), target, mask, generator=seeded(6), **settings)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    with_ssi = dsd_loss(prediction, target, mask, generator=seeded(6), with_ssi=True, **settings)
    ssi = ssi_loss(prediction, pseudo.detach())
    assert with_ssi.item() == pytest.approx((expected + 0.8 * ssi).item(), rel=1e-6)
    found.backward()
    assert pseudo.grad is None
