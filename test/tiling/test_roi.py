# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import roi_align

from prv2_ros.tiling.grid import Box, blended_boxes, random_boxes, regular_boxes
from prv2_ros.tiling.roi import CoarseMaps, crop_coarse


def test_crop_is_torchvisions_roi_align():
    feature = torch.randn(1, 5, 24, 32)
    boxes = random_boxes(6, (240, 320), (3, 2), seed=1)
    corners = torch.tensor([[0, b.x * 32, b.y * 24, (b.x + b.width) * 32, (b.y + b.height) * 24] for b in boxes])
    wanted = roi_align(feature, corners, output_size=(24, 32), sampling_ratio=1, aligned=True)
    assert (crop_coarse(feature, boxes) - wanted).abs().max() < 2e-5


def test_crop_to_another_size_follows_the_formula():
    ramp = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 1, 8, 12)
    out = crop_coarse(ramp, [Box(0.25, 0.0, 0.5, 1.0)], size=(4, 3))
    wanted = torch.tensor([(0.25 + 0.5 * (i + 0.5) / 3) * 12 - 0.5 for i in range(3)])
    assert torch.allclose(out[0, 0, 0], wanted, atol=1e-5)


@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (1, 1)])
def test_slices_of_the_upsampled_maps_equal_the_formula(grid):
    depth = torch.rand(1, 1, 64, 96)
    features = [torch.randn(1, 3, 64 >> k, 96 >> k) for k in range(6)]
    maps = CoarseMaps(depth, features, grid)
    for boxes in (regular_boxes(grid), blended_boxes(grid)):
        if not boxes:
            continue
        crops = maps.crop(boxes)
        for ours, source in zip([crops[0], *crops[1]], [depth, *features]):
            assert (ours - crop_coarse(source, boxes)).abs().max() < 1e-4


def test_upsampling_is_the_references_interpolation():
    depth = torch.rand(1, 1, 64, 96)
    maps = CoarseMaps(depth, [torch.rand(1, 1, 64 >> k, 96 >> k) for k in range(6)], (4, 4))
    tiles, _ = maps.crop(regular_boxes((4, 4)))
    whole = F.interpolate(depth, scale_factor=4, mode="bilinear", align_corners=False)
    assert torch.equal(tiles[5], whole[0, :, 64:128, 96:192])


def test_maps_of_foreign_sizes_are_brought_to_the_refiners():
    features = [torch.rand(1, 2, 50 // (k + 1), 60 // (k + 1)) for k in range(6)]
    maps = CoarseMaps(torch.rand(1, 1, 64, 96), features, (2, 2))
    _, crops = maps.crop([Box(0.1, 0.2, 0.5, 0.5)])
    assert [tuple(c.shape[-2:]) for c in crops] == [(64 >> k, 96 >> k) for k in range(6)]
