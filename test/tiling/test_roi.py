# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import roi_align

from prv2_ros.tiling.grid import Box, blended_boxes, random_boxes, regular_boxes
from prv2_ros.tiling.roi import CoarseMaps, corners, crop_coarse


def test_crop_is_torchvisions_roi_align():
    feature = torch.randn(1, 5, 24, 32)
    boxes = random_boxes(6, (240, 320), (3, 2), seed=1)
    rois = torch.tensor([[0, b.x * 32, b.y * 24, (b.x + b.width) * 32, (b.y + b.height) * 24] for b in boxes])
    wanted = roi_align(feature, rois, output_size=(24, 32), sampling_ratio=1, aligned=True)
    assert (crop_coarse(feature, boxes) - wanted).abs().max() < 2e-5
    assert torch.equal(crop_coarse(feature, boxes), crop_coarse(feature, corners(boxes)))


def test_crop_to_another_size_follows_the_formula():
    ramp = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 1, 8, 12)
    out = crop_coarse(ramp, [Box(0.25, 0.0, 0.5, 1.0)], size=(4, 3))
    wanted = torch.tensor([(0.25 + 0.5 * (i + 0.5) / 3) * 12 - 0.5 for i in range(3)])
    assert torch.allclose(out[0, 0, 0], wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_positions_are_not_rounded_to_the_maps_type(dtype):
    """A ramp of whole numbers is exact in bfloat16 up to 256, and its crop shows where it was sampled."""
    ramp = torch.arange(256.0).expand(1, 1, 8, 256)
    box = [Box(0.7, 0.1, 0.25, 0.5)]
    wanted = crop_coarse(ramp, box)
    found = crop_coarse(ramp.to(dtype), box)
    assert found.dtype == dtype
    # What is left is the rounding of the value itself: half a step of bfloat16 at 128 to 256 is 0.5.
    step = {torch.bfloat16: 0.5, torch.float16: 0.0625}[dtype]
    assert (found.float() - wanted.to(dtype).float()).abs().max() == 0
    assert (found.float() - wanted).abs().max() <= step


@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (1, 1)])
def test_crops_of_the_grid_are_slices_of_the_enlarged_maps(grid):
    depth = torch.rand(1, 1, 64, 96)
    features = [torch.randn(1, 3, 64 >> k, 96 >> k) for k in range(6)]
    boxes = regular_boxes(grid)
    crops = CoarseMaps(depth, features, grid).crop(boxes)
    for ours, source in zip([crops[0], *crops[1]], [depth, *features]):
        height, width = source.shape[-2:]
        size = (height * grid[0], width * grid[1])
        whole = F.interpolate(source, size=size, mode="bilinear", align_corners=False)
        for tile, box in zip(ours, boxes):
            if all(abs(v - round(v)) < 1e-6 for v in (box.y * size[0], box.x * size[1])):
                assert (tile - whole[(0, slice(None), *box.pixels(*size))]).abs().max() < 1e-4


def test_half_tile_shifts_follow_the_same_formula():
    feature = torch.randn(1, 3, 48, 96)
    for box in blended_boxes((2, 3)):
        whole = F.interpolate(feature, scale_factor=(2, 3), mode="bilinear", align_corners=False)
        wanted = whole[(0, slice(None), *box.pixels(*whole.shape[-2:]))]
        assert (crop_coarse(feature, [box])[0] - wanted).abs().max() < 1e-4


def test_maps_of_foreign_sizes_are_brought_to_the_refiners():
    features = [torch.rand(1, 2, 50 // (k + 1), 60 // (k + 1)) for k in range(6)]
    maps = CoarseMaps(torch.rand(1, 1, 64, 96), features, (2, 2))
    _, crops = maps.crop([Box(0.1, 0.2, 0.5, 0.5)])
    assert [tuple(c.shape[-2:]) for c in crops] == [(64 >> k, 96 >> k) for k in range(6)]


def test_a_refiner_without_coarse_features_is_served():
    depth, features = CoarseMaps(torch.rand(1, 1, 64, 96), [], (2, 2)).crop(regular_boxes((2, 2)))
    assert depth.shape == (4, 1, 64, 96) and features == []
