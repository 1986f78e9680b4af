# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from prv2_ros.bench.arithmetic import convolution_peak, count_arithmetic
from prv2_ros.bench.subject import random_engine
from prv2_ros.model.refiner import ResidualRefiner


def test_counts_of_a_network_that_can_be_counted_by_hand():
    class Coarse(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)

        def forward(self, rgb):
            return self.conv(rgb), [torch.zeros(1, 2, rgb.shape[2] >> k, rgb.shape[3] >> k) for k in range(6)]

    class Residual(ResidualRefiner):
        coarse_channels = (2,) * 6

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 3, padding=1)

        def forward(self, rgb, depth, features):
            return self.conv(rgb)

    from prv2_ros.tiling import PatchRefiner

    counts = count_arithmetic(PatchRefiner(Coarse(), Residual(), (64, 96)).eval())
    pixels = 64 * 96
    assert counts.coarse == pytest.approx(2 * 3 * pixels / 1e9)
    assert counts.tile == pytest.approx(2 * 27 * pixels / 1e9)


def test_a_tile_of_the_papers_network_is_897_gflop():
    """By area: at a quarter of the size on each side it is a sixteenth."""
    engine = random_engine("prv2m", device="cpu", precision="fp32", process_size=(96, 128))
    counts = count_arithmetic(engine.model)
    assert counts.tile * 16 == pytest.approx(897, rel=0.01)


def test_the_peak_is_above_what_a_slow_convolution_reaches():
    peak = convolution_peak(torch.device("cpu"), torch.float32)
    assert 1 < peak < 1e6
