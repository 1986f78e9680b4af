# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from prv2_ros.model.gdu import GuidedDenoisingUnit


def unit(gate):
    torch.manual_seed(0)
    return GuidedDenoisingUnit(8, 4, gate=gate)


def test_gate_scales_the_residual_between_zero_and_one():
    x, coarse = torch.randn(1, 8, 6, 7), torch.randn(1, 4, 6, 7)
    gated = unit("sigmoid")
    r = x + gated.residual(F.relu(x))
    out = gated(x, coarse)
    ratio = out / r
    assert (ratio > 0).all() and (ratio < 1).all()
    with torch.no_grad():
        gated.project.weight.zero_()
    assert torch.allclose(gated(x, coarse), r / 2)


def test_fusion_gate_gives_cb_itself():
    x, coarse = torch.randn(1, 8, 6, 7), torch.randn(1, 4, 6, 7)
    gated, fused = unit("sigmoid"), unit("fusion")
    fused.load_state_dict(gated.state_dict())
    r = x + gated.residual(F.relu(x))
    assert torch.allclose(gated(x, coarse), r * torch.sigmoid(fused(x, coarse)), atol=1e-6)


def test_without_gate_the_coarse_feature_is_not_used():
    x = torch.randn(1, 8, 6, 7)
    plain = unit("none")
    assert torch.equal(plain(x, torch.zeros(1, 4, 6, 7)), plain(x, torch.ones(1, 4, 6, 7)))


def test_input_is_left_alone_and_gates_are_checked():
    x = torch.randn(1, 8, 6, 7)
    before = x.clone()
    unit("sigmoid")(x, torch.zeros(1, 4, 6, 7))
    assert torch.equal(x, before)
    with pytest.raises(ValueError, match="unknown gate 'tanh'"):
        unit("tanh")
