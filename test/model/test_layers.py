# SPDX-License-Identifier: Apache-2.0
import torch

from prv2_ros.model.layers import ChannelNorm, resize


def test_channel_norm_works_at_each_pixel_in_both_layouts():
    norm = ChannelNorm(5)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.normal_()
    x = 3 * torch.randn(2, 5, 4, 6) + 1
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    wanted = (x - mean) / (var + 1e-6).sqrt() * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
    assert torch.allclose(norm(x), wanted, atol=1e-5)
    assert torch.allclose(norm(x.to(memory_format=torch.channels_last)), wanted, atol=1e-5)


def test_resize_aligns_corners():
    ramp = torch.linspace(0, 1, 5).view(1, 1, 1, 5).expand(1, 1, 3, 5)
    assert torch.allclose(resize(ramp, (6, 9))[0, 0, 0], torch.linspace(0, 1, 9), atol=1e-6)
    assert resize(ramp, (3, 5)) is ramp
