# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from prv2_ros.engine.fast.convolution import Convolution, PixelNorm
from prv2_ros.model.layers import ChannelNorm


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_convolution_equals_the_module(kernel, bias):
    torch.manual_seed(0)
    module = nn.Conv2d(5, 7, kernel, padding=kernel // 2, bias=bias)
    x = torch.randn(1, 5, 6, 9).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        result = Convolution.of(module, dtype=torch.float32)(x)
        half = Convolution.of(module, dtype=torch.bfloat16)(x)
        assert (result - module(x)).abs().max() < 1e-5
        assert half.dtype == torch.bfloat16 and (half - result).abs().max() < 0.1
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", [2, 14, 16, 30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norm_equals_the_layer(channels, dtype):
    torch.manual_seed(0)
    norm = ChannelNorm(channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (torch.randn(1, channels, 6, 9) * 3 + 20).to(dtype)
    with torch.inference_mode():
        expected, result = norm(x.float()), PixelNorm(norm)(x)
    assert result.dtype == dtype
    assert (result.float() - expected).abs().max() < (1e-4 if dtype == torch.float32 else 0.05)
