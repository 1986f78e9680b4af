# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from prv2_ros.model.f2c import DEPTH_SCALE_M, FineToCoarse, Injection

CHANNELS = (2, 3, 3, 4, 4, 5)


def maps(seed, channels=CHANNELS):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, c, 32 >> k, 64 >> k, generator=generator) for k, c in enumerate(channels)]


def test_residual_has_full_size_and_depends_on_both_depths():
    torch.manual_seed(0)
    f2c = FineToCoarse(
        fine_channels=CHANNELS, coarse_channels=CHANNELS, widths=(4, 4, 6, 6, 8, 8), decoder_widths=(4, 4, 6, 6, 8)
    ).eval()
    p1, p2 = torch.rand(1, 1, 32, 64), torch.rand(1, 1, 32, 64)
    with torch.inference_mode():
        residual = f2c(maps(0), maps(1), p1, p2)
        assert residual.shape == (1, 1, 32, 64)
        assert not torch.allclose(residual, f2c(maps(0), maps(1), p1 + 1, p2))
        assert not torch.allclose(residual, f2c(maps(0), maps(1), p1, p2 + 1))


def test_gelu_is_the_exact_one():
    injection = Injection(1, 2)
    with torch.no_grad():
        injection.conv.weight.zero_()
        injection.norm.bias.fill_(0.7)
    out = injection(torch.zeros(1, 1, 3, 3))
    wanted = 0.7 * 0.5 * (1 + torch.erf(torch.tensor(0.7) / 2**0.5))
    assert torch.allclose(out, wanted.expand_as(out), atol=1e-7)


def test_weights_that_read_metres_start_smaller_and_can_be_changed_in_place():
    torch.manual_seed(0)
    module = FineToCoarse(
        fine_channels=(8,) * 6, coarse_channels=(4,) * 6, widths=(8,) * 6, decoder_widths=(8, 12, 16, 16, 24)
    )
    columns = module.depth_columns()
    assert len(columns) == 6 + 5, "six injections of the depths and five decoder steps"
    for column, conv in zip(columns[6:], (step.conv1 for step in module.decoder)):
        usual = conv.weight[:, :-2].abs().max().item()
        assert column.abs().max().item() * DEPTH_SCALE_M == pytest.approx(usual, rel=0.1)
        column.zero_()
        assert (conv.weight[:, -2:] == 0).all() and (conv.weight[:, :-2] != 0).any()
