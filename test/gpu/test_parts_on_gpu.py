# SPDX-License-Identifier: Apache-2.0
"""The parts beside the network on CUDA against themselves on the CPU."""

import numpy as np
import pytest
import torch

from prv2_ros.camera.rectification import Rectifier
from prv2_ros.engine import filters
from prv2_ros.engine.cloud import organised_cloud
from prv2_ros.engine.device import resolve_device, running_on
from prv2_ros.engine.edges import finish
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.tiling.grid import random_boxes
from prv2_ros.tiling.partial import taper
from prv2_ros.tiling.roi import crop_coarse


def test_transfers_over_page_locked_memory(cuda):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8))
    there = to_device(pixels, cuda)
    assert there.device == cuda and torch.equal(there.cpu(), pixels)
    out = torch.empty_like(pixels)
    assert np.shares_memory(to_host(there, out=out), out.numpy()) and torch.equal(out, pixels)
    # The staging memory is used again: what was handed out must not change with the next frame.
    kept = to_host(there.float())
    to_host(torch.zeros_like(there, dtype=torch.float32))
    assert np.array_equal(kept, pixels.float().numpy())


def test_rectification(cuda):
    k = np.array([[300.0, 0, 320], [0, 300.0, 180], [0, 0, 1]])
    p = np.hstack([k, np.zeros((3, 1))])
    rectifier = Rectifier((640, 360), k=k, d=(-0.3, 0.1, 0.0, 0.0, 0.0), r=np.eye(3), p=p, fisheye=False)
    rgb = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    found = rectifier.on_device(torch.from_numpy(rgb).to(cuda))
    assert found.device == cuda
    assert np.abs(found.cpu().numpy().astype(int) - rectifier(rgb)).max() <= 1
    if rectifier.outside is not None:
        assert rectifier.outside_on(cuda) is rectifier.outside_on(cuda)


def depth_map():
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(120, 160, generator=generator) * 100
    depth[:5] = torch.nan
    depth[5:9] = torch.inf
    return depth


@pytest.mark.parametrize("stride", [1, 4])
def test_cloud(cuda, stride):
    depth = depth_map()
    rgb = torch.randint(0, 256, (120, 160, 3), dtype=torch.uint8)
    setting = {"fx": 100.0, "fy": 110.0, "cx": 80.0, "cy": 60.0, "stride": stride, "max_range_m": 60.0}
    wanted = organised_cloud(depth, rgb=rgb, **setting).numpy()
    found = organised_cloud(depth.to(cuda), rgb=rgb.to(cuda), **setting).cpu().numpy()
    assert np.array_equal(wanted[..., 3].view(np.int32), found[..., 3].view(np.int32))
    assert np.allclose(wanted[..., :3], found[..., :3], rtol=1e-5, atol=1e-5, equal_nan=True)


def test_filters(cuda):
    depth = depth_map()
    for call in (
        lambda d: filters.apply_range(d, 1.0, 80.0),
        lambda d: filters.mask_flying_pixels(d, 0.1),
        lambda d: filters.resample_nearest(d, 77, 33),
        lambda d: filters.relative_colour_position(d, 1.0, 80.0),
    ):
        torch.testing.assert_close(call(depth.to(cuda)).cpu(), call(depth), equal_nan=True)


def test_edges(cuda):
    generator = torch.Generator().manual_seed(0)
    canvas = torch.rand(1, 1, 12, 16, generator=generator) * 20 + 1
    canvas = torch.nn.functional.interpolate(canvas, size=(192, 256), mode="bilinear")
    frame = torch.rand(1, 3, 300, 400, generator=generator)
    found, wanted = (
        finish(canvas.to(cuda), frame.to(cuda), (2, 2), (96, 128)).cpu(),
        finish(canvas, frame, (2, 2), (96, 128)),
    )
    # A pixel at the middle of two sides may take the other one for the last bit.
    assert ((found - wanted).abs() > 1e-3).float().mean() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_crops(cuda, dtype):
    feature, boxes = torch.randn(1, 5, 24, 32).to(dtype), random_boxes(6, (240, 320), (3, 2), seed=1)
    with torch.autocast("cuda", torch.bfloat16):
        found = crop_coarse(feature.to(cuda), boxes)
    wanted = crop_coarse(feature, boxes)
    assert found.dtype == dtype
    torch.testing.assert_close(found.cpu(), wanted, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-4)


def test_taper_is_on_the_device(cuda):
    assert torch.equal(taper([0, 5], (3, 4), (64, 96), cuda).cpu(), taper([0, 5], (3, 4), (64, 96)))


def test_settings_are_there_only_while_an_engine_runs(cuda):
    assert resolve_device("cuda") == cuda and resolve_device("auto") == cuda
    before = torch.backends.cudnn.allow_tf32
    with running_on(cuda):
        assert not torch.backends.cudnn.allow_tf32 and torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.allow_tf32 == before and not torch.backends.cudnn.benchmark
