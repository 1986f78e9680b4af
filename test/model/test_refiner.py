# SPDX-License-Identifier: Apache-2.0
"""The whole refiner against values of the reference implementation."""

import pytest
import torch
from helpers import golden

from prv2_ros.model import convert_reference_state_dict, create_refiner


@pytest.mark.parametrize(
    ("variant", "gates", "name"),
    [("prv2m", True, "residual"), ("prv2m-no-gdu", False, "residual_without_gdu")],
)
def test_residual_equals_the_reference(variant, gates, name):
    refiner = create_refiner(variant).eval()
    refiner.load_state_dict(convert_reference_state_dict(golden.reference_state_dict(gates=gates), variant))
    rgb, depth, features = golden.patch_inputs()
    with torch.inference_mode():
        residual = refiner(rgb, depth, features)
    assert (residual - golden.values("prv2m_patch.npz", name)).abs().max() < 2e-5
    if gates:
        tile = (depth + residual).clamp(min=0)
        assert (tile - golden.values("prv2m_patch.npz", "depth")).abs().max() < 2e-5


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return create_refiner("prv2m-narrow").eval()


def inputs(refiner, height=64, width=96):
    generator = torch.Generator().manual_seed(1)
    rgb = torch.rand(2, 3, height, width, generator=generator)
    depth = 5 * torch.rand(2, 1, height, width, generator=generator)
    features = [
        torch.rand(2, c, height >> k, width >> k, generator=generator) for k, c in enumerate(refiner.coarse_channels)
    ]
    return rgb, depth, features


def test_all_three_inputs_reach_the_residual(small):
    rgb, depth, features = inputs(small)
    with torch.inference_mode():
        residual = small(rgb, depth, features)
        assert residual.shape == (2, 1, 64, 96)
        assert not torch.equal(residual, small(rgb.flip(3), depth, features))
        assert not torch.equal(residual, small(rgb, depth + 1, features))
        for k in range(6):
            changed = [f.flip(3) if i == k else f for i, f in enumerate(features)]
            assert not torch.equal(residual, small(rgb, depth, changed)), f"level {k} is ignored"


def test_tiles_of_a_batch_do_not_mix(small):
    rgb, depth, features = inputs(small)
    with torch.inference_mode():
        both = small(rgb, depth, features)
        second = small(rgb[1:], depth[1:], [f[1:] for f in features])
    assert torch.allclose(both[1:], second, atol=1e-5)


def test_features_of_other_sizes_are_resized(small):
    rgb, depth, features = inputs(small)
    features[5] = torch.rand(2, small.coarse_channels[5], 3, 5)
    with torch.inference_mode():
        assert small(rgb, depth, features).isfinite().all()


def test_every_parameter_but_the_idle_units_gets_a_gradient(small):
    rgb, depth, features = inputs(small)
    small.zero_grad()
    small.train()
    residual, auxiliary = small.forward_with_auxiliary(rgb, depth, features)
    (residual.square().mean() + auxiliary.square().mean()).backward()
    small.eval()
    without = [name for name, p in small.named_parameters() if p.grad is None]
    assert all("c2f.blocks.4.skip_unit" in name or "c2f.head_block.skip_unit" in name for name in without)


def test_wrong_inputs_are_named(small):
    rgb, depth, features = inputs(small)
    with pytest.raises(ValueError, match="60x96 is not a multiple of 32"):
        small(rgb[:, :, :60], depth, features)
    with pytest.raises(ValueError, match="coarse depth is"):
        small(rgb, depth[:1], features)
    with pytest.raises(ValueError, match="coarse features have"):
        small(rgb, depth, features[::-1])
