# SPDX-License-Identifier: Apache-2.0
"""A refiner in 16 bits: the same network, little rounded, and nothing left for autocast to cast."""

import pytest
import torch
from torch import nn

from prv2_ros.engine.lower import _exact_parts, _JoinedConv, lower
from prv2_ros.model import create_refiner

SIZE = (64, 96)


@pytest.fixture(scope="module")
def refiner():
    torch.manual_seed(0)
    return create_refiner("prv2m-narrow").eval()


@pytest.fixture(scope="module")
def given(refiner):
    torch.manual_seed(1)
    features = [torch.randn(2, c, SIZE[0] >> k, SIZE[1] >> k) for k, c in enumerate(refiner.coarse_channels)]
    return torch.rand(2, 3, *SIZE), 40 + 20 * torch.rand(2, 1, *SIZE), features


def with_lived_in_norms(refiner):
    """Batch norms whose statistics are not those of a new network."""
    for module in refiner.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return refiner.eval()


@torch.inference_mode()
@pytest.mark.parametrize("variant", ["prv2m", "prv2m-f2c-only", "prv2m-no-gdu", "prv2s"])
def test_the_order_of_the_arithmetic_alone_changes_nothing(variant):
    torch.manual_seed(0)
    refiner = with_lived_in_norms(create_refiner(variant, coarse_channels=(8, 12, 16, 16, 16, 16)))
    features = [torch.randn(1, c, SIZE[0] >> k, SIZE[1] >> k) for k, c in enumerate(refiner.coarse_channels)]
    rgb, depth = torch.rand(1, 3, *SIZE), 5 + torch.rand(1, 1, *SIZE)
    wanted = refiner.refine(rgb, depth, features) - depth
    found = lower(refiner, torch.float32).refine(rgb, depth, features) - depth
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max()


@torch.inference_mode()
def test_a_refiner_of_log_depth_stays_close_in_sixteen_bits():
    torch.manual_seed(0)
    refiner = with_lived_in_norms(create_refiner("prv2s"))
    rgb, depth = torch.rand(1, 3, *SIZE), 40 + 20 * torch.rand(1, 1, *SIZE)
    wanted = refiner.refine(rgb, depth, [])
    with torch.autocast("cpu", torch.bfloat16):
        found = lower(refiner, torch.bfloat16).refine(rgb, depth, [])
    assert found.dtype == torch.float32 and ((found - wanted).abs() / wanted).max() < 0.01


@torch.inference_mode()
def test_depth_in_metres_is_read_exactly(given):
    """In bfloat16 40 to 60 m come in steps of a quarter; split into two parts they come in steps of a millimetre."""
    depth = given[1]
    conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
    conv.weight.copy_(conv.weight.bfloat16())
    wanted = conv(depth)
    features = torch.zeros(2, 6, *SIZE)
    joined = nn.Conv2d(7, 8, 3, padding=1, bias=False)
    joined.weight.copy_(torch.cat((torch.zeros(8, 6, 3, 3), conv.weight), dim=1))
    ours = _JoinedConv(joined, torch.float32, exact=1)
    parts = [part.float() for part in _exact_parts(depth, torch.bfloat16)]
    assert (sum(parts) - depth).abs().max() < 1e-3 < 0.1 < (parts[0] - depth).abs().max()
    assert (ours(features, depth) - wanted).abs().max() < 1e-4


@torch.inference_mode()
def test_every_convolution_gets_sixteen_bits_and_multiples_of_eight_channels(refiner, given):
    lowered, seen = lower(refiner, torch.bfloat16), []

    def note(module, inputs):
        seen.append((inputs[0].dtype, module.weight.dtype))

    convolutions = [m for m in lowered.modules() if isinstance(m, nn.Conv2d)]
    handles = [m.register_forward_pre_hook(note) for m in convolutions]
    rgb, depth, features = given
    with torch.autocast("cpu", torch.bfloat16):
        lowered(rgb, depth, [feature.bfloat16() for feature in features])
    assert seen and set(seen) == {(torch.bfloat16, torch.bfloat16)}
    joined = [m for m in lowered.modules() if type(m).__name__ == "_JoinedConv"]
    assert joined and all(m.weight.shape[1] % 8 == 0 for m in joined)
    for handle in handles:
        handle.remove()


def test_the_original_stays_as_it_was(refiner):
    before = {name: value.clone() for name, value in refiner.state_dict().items()}
    lower(refiner, torch.bfloat16)
    after = refiner.state_dict()
    assert before.keys() == after.keys()
    assert all(after[n].dtype == v.dtype and torch.equal(after[n], v) for n, v in before.items())
