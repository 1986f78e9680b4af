# SPDX-License-Identifier: Apache-2.0
"""A convolution of an enlarged map, from the small one, against doing both plainly."""

import pytest
import torch
import torch.nn.functional as F

from prv2_ros.engine.fast.resampled_conv import ResampledConv, aligned_positions, make_taps, roi_taps
from prv2_ros.tiling.grid import Box
from prv2_ros.tiling.roi import crop_coarse

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("source", "target"), [((7, 9), (14, 18)), ((5, 6), (17, 40)), ((3, 1), (3, 5)), ((8, 8), (5, 3))]
)
def test_aligned_resize(source, target):
    torch.manual_seed(0)
    x, weight = torch.randn(1, 6, *source), torch.randn(70, 6, 3, 3)
    axes = [make_taps(aligned_positions(s, t), s, device=CPU) for s, t in zip(source, target)]
    expected = F.conv2d(F.interpolate(x, size=target, mode="bilinear", align_corners=True), weight, padding=1)
    result = ResampledConv(weight)(x, *axes)
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1e-4


@pytest.mark.parametrize("box", [Box(0.25, 0.5, 0.25, 0.25), Box(0.75, 0, 0.25, 0.25), Box(0.31, 0.12, 0.25, 0.25)])
def test_roi_with_zero_padding_at_the_tiles_border(box):
    torch.manual_seed(0)
    x, weight = torch.randn(1, 8, 24, 32), torch.randn(5, 8, 3, 3)
    expected = F.conv2d(crop_coarse(x, [box]), weight, padding=1)
    result = ResampledConv(weight)(x, *roi_taps(box, 24, 32, device=CPU))
    assert (result - expected).abs().max() < 1e-4
    # The border is what differs from a convolution of the whole enlarged map.
    assert (result - F.conv2d(F.pad(crop_coarse(x, [box]), (1, 1, 1, 1), mode="replicate"), weight)).abs().max() > 0.1
