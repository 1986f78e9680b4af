# SPDX-License-Identifier: Apache-2.0
"""Parameter counts of the baselines to the digit, and what their builder refuses."""

import pytest
import torch
from torch import nn

from prv2_ros.model import create_coarse, create_refiner

UNUSED_HEAD = 1000 * 1024 + 1000 + 2 * 1024  # classifier and its norm in the reference's BEiT-L
VIT_SIZES = ((392, 518), (224, 296), (112, 148), (56, 74), (28, 37), (14, 19))


class Wide(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("network", "channels", "sizes", "fusion"),
    [
        ("prv1", (32, 256, 256, 256, 256, 256), None, 23_992_660),
        ("prv1", (128, 256, 256, 256, 256, 256), None, 25_355_572),
        ("patchfusion", (32, 256, 256, 256, 256, 256), None, 87_664_577),
        ("patchfusion", (32, 64, 64, 64, 64, 64), VIT_SIZES, 16_798_849),
        ("patchfusion", (32, 128, 128, 128, 128, 128), VIT_SIZES, 34_526_273),
        ("patchfusion", (32, 256, 256, 256, 256, 256), VIT_SIZES, 93_721_537),
        ("pro", (32, 256, 256, 256, 256, 256), None, 51_244_160),
        ("pro", (32, 128, 128, 128, 128, 128), None, 12_940_864),
        ("pro", (32, 64, 64, 64, 64, 64), None, 3_349_280),
    ],
)
def test_fusion_comes_out_to_the_digit(network, channels, sizes, fusion):
    with torch.device("meta"):
        assert count(create_refiner(network, fine=Wide(channels), feature_sizes=sizes)) == fusion


@pytest.mark.parametrize(
    ("network", "kind", "outside"),
    [
        ("prv1", "zoedepth", 368_809_406 - UNUSED_HEAD),
        ("patchfusion", "zoedepth", 432_481_323 - UNUSED_HEAD),
        ("patchfusion", "zoedepth-vits", 41_828_419),
        ("patchfusion", "zoedepth-vitb", 132_311_235),
        ("patchfusion", "zoedepth-vitl", 429_515_331),
        ("pro", "relative-vits", 3_349_280 + 24_785_089),
        ("pro", "relative-vitb", 12_940_864 + 97_470_785),
        ("pro", "relative-vitl", 51_244_160 + 335_315_649),
    ],
)
def test_everything_outside_the_coarse_branch(network, kind, outside):
    pytest.importorskip("transformers")
    sizes = VIT_SIZES if kind != "zoedepth" else None
    with torch.device("meta"):
        assert count(create_refiner(network, fine=create_coarse(kind, random=True), feature_sizes=sizes)) == outside


def test_what_does_not_fit_is_refused():
    channels = (16, 32, 48, 64, 80, 96)
    with pytest.raises(ValueError, match="'prv1' runs a depth network on every tile: give fine="):
        create_refiner("prv1")
    with pytest.raises(ValueError, match="only prv1, patchfusion, pro run a depth network"):
        create_refiner("prv2m-narrow", fine=Wide(channels))
    with pytest.raises(ValueError, match="they must agree"):
        create_refiner("patchfusion", fine=Wide(channels), coarse_channels=(16, 32, 32, 64, 80, 96))
    with pytest.raises(ValueError, match="has 2 entries, expected 6"):
        create_refiner("pro", fine=Wide(channels), coarse_channels=(16, 32))
    with pytest.raises(ValueError, match="feature_sizes has 1 entries, expected 6"):
        create_refiner("patchfusion", fine=Wide(channels), feature_sizes=[(12, 16)])
