# SPDX-License-Identifier: Apache-2.0
"""Whole frames: the golden P16 frame, and every mode against a plain tile-by-tile computation."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import golden
from torchvision.ops import roi_align

from prv2_ros.model import convert_reference_state_dict, create_coarse, create_refiner
from prv2_ros.model.refiner import ResidualRefiner
from prv2_ros.tiling import PatchRefiner, count_tiles, parse_mode
from prv2_ros.tiling.grid import blended_boxes, random_boxes, regular_boxes
from prv2_ros.tiling.masks import tile_mask
from prv2_ros.tiling.patch_refiner import batch_sizes


def test_p16_frame_equals_the_reference():
    refiner = create_refiner("prv2m").eval()
    refiner.load_state_dict(convert_reference_state_dict(golden.reference_state_dict(), "prv2m"))
    model = PatchRefiner(golden.FrameCoarse(), refiner, process_size=(96, 128), grid=(4, 4)).eval()
    with torch.inference_mode():
        depth = model(golden.frame(), mode="p16", assemble="process")
    assert (depth - golden.values("prv2m_frame_p16.npz", "depth")).abs().max() < 2e-5


class BrightnessRefiner(ResidualRefiner):
    """A residual that differs from tile to tile and pixel to pixel, cheap to compute again by hand."""

    def forward(self, rgb, coarse_depth, coarse_features):
        return rgb.mean(1, keepdim=True) - 0.1 * coarse_features[3].mean((1, 2, 3), keepdim=True)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PatchRefiner(create_coarse("small"), BrightnessRefiner(), process_size=(64, 96), grid=(4, 4)).eval()


def plainly(model, frame, boxes):
    """Each tile by itself, as the reference does it: raw crop, resize, RoIAlign of every map."""
    height, width = frame.shape[-2:]
    align = {"mode": "bilinear", "align_corners": True}
    depth, features = model.coarse(F.interpolate(frame, (64, 96), **align))
    features = [F.interpolate(f, (64 >> k, 96 >> k), **align) for k, f in enumerate(features)]
    tiles = []
    for box in boxes:
        top, left = round(box.y * height), round(box.x * width)
        raw = frame[..., top : top + height // 4, left : left + width // 4]
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)

        def roi(m, corners=corners):
            h, w = m.shape[-2:]
            box_px = torch.tensor([[0, corners[0] * w, corners[1] * h, corners[2] * w, corners[3] * h]])
            return roi_align(m, box_px, (h, w), sampling_ratio=1, aligned=True)

        residual = model.refiner(F.interpolate(raw, (64, 96), **align), roi(depth), [roi(f) for f in features])
        tiles.append((roi(depth) + residual).clamp(min=0)[0, 0].numpy())
    return tiles


def blend_plainly(depth, weight, boxes, tiles, mask):
    height, width = depth.shape
    for box, d in zip(boxes, tiles):
        top, left = round(box.y * height), round(box.x * width)
        for y in range(mask.shape[0]):
            for x in range(mask.shape[1]):
                w, i, j = mask[y, x], top + y, left + x
                if w > 0:
                    depth[i, j] = (depth[i, j] * weight[i, j] + d[y, x] * w) / (weight[i, j] + w)
                    weight[i, j] += w


@pytest.mark.parametrize("mode", ["p16", "p49", "r3"])
def test_every_mode_equals_the_plain_computation(model, mode):
    frame = torch.rand(1, 3, 256, 384)
    with torch.inference_mode():
        ours = model(frame, mode=mode, assemble="process" if mode != "r3" else "input")[0, 0].numpy()
        depth = np.zeros((256, 384))
        boxes = regular_boxes((4, 4))
        for box, tile in zip(boxes, plainly(model, frame, boxes)):
            rows, columns = box.pixels(256, 384)
            depth[rows, columns] = tile
        if mode != "p16":
            mask = tile_mask(64, 96).numpy().astype(np.float64)
            weight = np.tile(mask, (4, 4))
            boxes = blended_boxes((4, 4))
            blend_plainly(depth, weight, boxes, plainly(model, frame, boxes), mask)
        if mode == "r3":  # the raw tile here has the process size, so nothing is resized on the way
            boxes = random_boxes(3, (256, 384), (4, 4), seed=0)
            blend_plainly(depth, weight, boxes, plainly(model, frame, boxes), mask + 1e-3)
    assert np.abs(ours - depth).max() < 1e-4


@pytest.mark.parametrize("size", [(64, 96), (255, 383), (301, 517), (257, 1001)])
@pytest.mark.parametrize("mode", ["p16", "p49", "r2"])
def test_any_size_gets_depth_everywhere(model, size, mode):
    with torch.inference_mode():
        depth = model(torch.rand(1, 3, *size), mode=mode)
    assert depth.shape == (1, 1, *size)
    assert depth.isfinite().all() and (depth > 0).all()


def test_assembly_at_input_size_is_one_resize_of_the_references(model):
    frame = torch.rand(1, 3, 300, 500)
    with torch.inference_mode():
        process = model(frame, assemble="process")
        ours = model(frame, assemble="input")
    assert process.shape == (1, 1, 256, 384)
    wanted = cv2.resize(process[0, 0].numpy(), (500, 300), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours[0, 0].numpy() - wanted).max() < 1e-4


def test_the_coarse_branch_runs_once_whatever_the_mode(model):
    calls = []
    handle = model.coarse.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode():
        model(torch.rand(1, 3, 256, 384), mode="r2")
    handle.remove()
    assert len(calls) == 1


def test_tile_batches_do_not_change_the_result(model):
    frame = torch.rand(1, 3, 256, 384)
    results = []
    with torch.inference_mode():
        for model.tile_batch in (1, 5, 16):
            results.append(model(frame, mode="p49"))
    model.tile_batch = 4
    assert all(torch.allclose(results[0], r, atol=1e-5) for r in results[1:])


def test_few_sizes_of_batches_occur_and_no_tile_is_computed_for_nothing():
    assert batch_sizes(16, 16) == [16] and batch_sizes(49, 16) == [16, 16, 16, 1] and batch_sizes(11, 16) == [8, 2, 1]
    for most in (1, 5, 16):
        sizes = [batch_sizes(tiles, most) for tiles in range(1, 200)]
        assert [sum(batches) for batches in sizes] == list(range(1, 200))
        assert len({size for batches in sizes for size in batches}) <= 5


def test_wrong_arguments_are_named(model):
    frame = torch.rand(1, 3, 64, 96)
    with pytest.raises(ValueError, match="unknown mode 'p17': choose p16, p49, or r<n>"):
        model(frame, mode="p17")
    with pytest.raises(ValueError, match="unknown assembly 'raw'"):
        model(frame, assemble="raw")
    with pytest.raises(ValueError, match=r"frame is \(3, 64, 96\), expected"):
        model(frame[0])
    with pytest.raises(ValueError, match="3x3 pixels cannot be cut into 4x4"):
        model(frame[..., :3, :3])
    with pytest.raises(ValueError, match="not a multiple of 32"):
        PatchRefiner(model.coarse, model.refiner, process_size=(100, 128))
    assert [parse_mode(m) for m in ("p16", "p49", "r128")] == [None, 0, 128]


def test_tiles_are_counted():
    assert [count_tiles(m, (4, 4)) for m in ("p16", "p49", "r3")] == [16, 49, 52]
    assert count_tiles("p49", (1, 1)) == 1
