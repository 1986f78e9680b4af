# SPDX-License-Identifier: Apache-2.0
import copy

import torch
from torch import nn

from prv2_ros.model import create_coarse
from prv2_ros.training.optimisation import depthwise_in_float32


def test_only_depthwise_convolutions_leave_autocast():
    torch.manual_seed(0)
    depthwise, dense = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 3)
    x = torch.randn(1, 8, 9, 9).bfloat16()
    exact = depthwise(x.float()).bfloat16()
    network = nn.Sequential(depthwise, dense)
    assert depthwise_in_float32(network) == 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(depthwise(x), exact)
        assert network(x).dtype == torch.bfloat16
        # The exponential average of a run is a deep copy: it must compute with its own weights.
        double = copy.deepcopy(network)
        with torch.no_grad():
            double[0].weight.mul_(2)
            double[0].bias.mul_(2)
        torch.testing.assert_close(double[0](x), 2 * exact)


def test_the_encoders_convolutions_are_found_and_trained():
    coarse = create_coarse("small")
    assert depthwise_in_float32(coarse) == 16  # one a block of EfficientNet-Lite0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_depth, _ = coarse.forward_internal(torch.rand(1, 3, 64, 96))
    log_depth.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in coarse.encoder.parameters())
