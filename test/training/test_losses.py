# SPDX-License-Identifier: Apache-2.0
"""Defining properties of the losses on ground truth: SILog, gradient matching, SSI, and what all losses share."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from prv2_ros.training.losses import (
    dsd_loss,
    edge_ranking_loss,
    gradient_match_loss,
    local_ssigm_loss,
    silog_loss,
    ssi_loss,
)

ALL_LOSSES = {
    "silog": silog_loss,
    "gradient_match": gradient_match_loss,
    "ssi": ssi_loss,
    "ranking": edge_ranking_loss,
    "local_ssigm": partial(local_ssigm_loss, window_px=9, windows=20),
    "global_ssigm": partial(local_ssigm_loss, window_px=None),
    "dsd": lambda prediction, target, mask=None: dsd_loss(
        prediction, target, mask, pseudo=target, pseudo_mask=mask, window_px=9, with_ssi=True
    ),
}
every_loss = pytest.mark.parametrize("loss", ALL_LOSSES.values(), ids=ALL_LOSSES)


def maps(seed: int = 0, batch: int = 2, height: int = 40, width: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth prediction and a target with steps; metres."""
    generator = torch.Generator().manual_seed(seed)
    target = 4 + 8 * torch.rand(batch, 1, 5, 6, generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
    target = target + 0.3 * torch.rand(batch, 1, height, width, generator=generator)
    return target * (0.8 + 0.5 * torch.rand(target.shape, generator=generator)), target


def test_silog_of_a_scaled_prediction_is_the_scale_alone():
    _, target = maps()
    for factor in (0.5, 1.4, 3.0):
        expected = 10 * math.sqrt(0.15) * abs(math.log(factor))
        assert silog_loss(target * factor, target).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_silog_agrees_with_numpy(seed):
    prediction, target = maps(seed)
    mask = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed)) < 0.3
    log_ratio = np.log(prediction.double().numpy() + 1e-7) - np.log(target.double().numpy() + 1e-7)
    log_ratio = log_ratio[mask.numpy()]
    expected = 10 * np.sqrt(np.var(log_ratio, ddof=1) + 0.15 * np.mean(log_ratio) ** 2)
    assert silog_loss(prediction, target, mask).item() == pytest.approx(expected, abs=1e-5)


def gradient_match_by_loops(prediction, target, mask, scales):
    total = 0.0
    for scale in range(scales):
        step = 2**scale
        residual = (np.log(prediction + 1e-7) - np.log(target + 1e-7))[:, 0, ::step, ::step]
        valid = mask[:, 0, ::step, ::step]
        here = 0.0
        for image in range(residual.shape[0]):
            for row in range(residual.shape[1]):
                for column in range(residual.shape[2]):
                    for other in ((row, column + 1), (row + 1, column)):
                        inside = other[0] < residual.shape[1] and other[1] < residual.shape[2]
                        if inside and valid[image, row, column] and valid[(image, *other)]:
                            here += abs(residual[(image, *other)] - residual[image, row, column])
        total += here / max(valid.sum(), 1)
    return total


def test_gradient_match_agrees_with_loops():
    prediction, target = maps()
    mask = torch.rand(target.shape, generator=torch.Generator().manual_seed(3)) < 0.7
    expected = gradient_match_by_loops(prediction.double().numpy(), target.double().numpy(), mask.numpy(), 4)
    assert gradient_match_loss(prediction, target, mask).item() == pytest.approx(expected, abs=1e-5)


def test_gradient_match_forgives_scale_and_punishes_a_smeared_edge():
    target = torch.full((1, 1, 32, 32), 12.0)
    target[..., 16:] = 3.0
    smeared = torch.nn.functional.avg_pool2d(target, 7, 1, 3, count_include_pad=False)
    assert gradient_match_loss(1.7 * target, target).item() < 1e-5
    assert gradient_match_loss(smeared, target).item() > 0.05


def test_ssi_is_zero_under_one_affine_map_an_image_and_agrees_with_lstsq():
    prediction, target = maps()
    maps_of_images = torch.tensor([[2.0, 3.0], [0.4, 0.5]])
    affine = target * maps_of_images[:, 0].view(2, 1, 1, 1) + maps_of_images[:, 1].view(2, 1, 1, 1)
    assert ssi_loss(affine, target).item() < 1e-5

    mask = torch.rand(target.shape, generator=torch.Generator().manual_seed(5)) < 0.4
    expected = []
    for estimate, truth, valid in zip(prediction.double().numpy(), target.double().numpy(), mask.numpy(), strict=True):
        system = np.stack((estimate[valid], np.ones(valid.sum())), axis=1)
        solution = np.linalg.lstsq(system, truth[valid], rcond=None)[0]
        expected.append(np.abs(system @ solution - truth[valid]).mean())
    assert ssi_loss(prediction, target, mask).item() == pytest.approx(np.mean(expected), abs=1e-5)


def test_ssi_leaves_out_an_image_whose_prediction_is_constant():
    prediction, target = maps()
    flat = prediction.clone()
    flat[1] = 5.0
    assert ssi_loss(flat, target).item() == pytest.approx(ssi_loss(prediction[:1], target[:1]).item(), abs=1e-6)


@every_loss
def test_nothing_valid_gives_zero_and_a_zero_gradient(loss):
    prediction, target = maps()
    for hidden, mask in (
        (target, torch.zeros_like(target, dtype=torch.bool)),
        (torch.full_like(target, torch.nan), None),
        (torch.full_like(target, torch.inf), None),
        (torch.zeros_like(target), None),
    ):
        leaf = prediction.clone().requires_grad_()
        value = loss(leaf, hidden, mask)
        value.backward()
        assert value.item() == 0.0
        assert torch.equal(leaf.grad, torch.zeros_like(leaf))


@every_loss
@pytest.mark.parametrize("case", ["ordinary", "perfect", "constant", "zero", "sparse", "one pixel", "unknown target"])
def test_value_and_gradient_are_finite(loss, case):
    prediction, target = maps()
    mask = torch.ones_like(target, dtype=torch.bool)
    if case == "perfect":
        prediction = target.clone()
    elif case in ("constant", "zero"):
        prediction = torch.full_like(target, 5.0 if case == "constant" else 0.0)
    elif case == "sparse":
        mask = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.02
    elif case == "one pixel":
        mask = torch.zeros_like(mask)
        mask[0, 0, 7, 7] = True
    elif case == "unknown target":
        target[..., :10, :] = torch.nan
        target[..., 10:20, :] = torch.inf
    leaf = prediction.clone().requires_grad_()
    value = loss(leaf, target, mask)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(leaf.grad).all()


@every_loss
def test_pixels_that_do_not_count_do_not_matter(loss):
    prediction, target = maps()
    mask = torch.ones_like(target, dtype=torch.bool)
    mask[..., 10:25, 10:30] = False
    spoiled, hidden = prediction.clone(), target.clone()
    spoiled[~mask], hidden[~mask] = torch.nan, torch.nan
    torch.manual_seed(0)
    expected = loss(prediction, target, mask)
    torch.manual_seed(0)
    leaf = spoiled.requires_grad_()
    value = loss(leaf, hidden, mask)
    value.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.isfinite(leaf.grad).all() and (leaf.grad[~mask] == 0).all()


@every_loss
def test_a_nan_prediction_that_counts_is_seen(loss):
    prediction, target = maps()
    assert torch.isnan(loss(torch.full_like(prediction, torch.nan), target))


@every_loss
def test_half_precision_is_left_for_float32(loss):
    prediction, target = maps()
    value = loss(prediction.bfloat16(), target)
    assert value.dtype == torch.float32 and torch.isfinite(value)


@every_loss
def test_wrong_shapes_are_named_with_both_sizes(loss):
    prediction, target = maps()
    with pytest.raises(ValueError, match=r"\(2, 40, 48\); a loss takes"):
        loss(prediction[:, 0], target)
    with pytest.raises(ValueError, match=r"\(2, 1, 40, 47\), prediction has \(2, 1, 40, 48\)"):
        loss(prediction, target[..., :-1])
