# SPDX-License-Identifier: Apache-2.0
"""Organised cloud against the pinhole equations written out."""

import numpy as np
import pytest
import torch

from prv2_ros.engine.cloud import organised_cloud

CAMERA = {"fx": 50.0, "fy": 40.0, "cx": 7.5, "cy": 5.25}


def _depth(height: int = 12, width: int = 15) -> torch.Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(3)) * 9 + 1


@pytest.mark.parametrize("stride", [1, 2, 5, 40])
def test_points_are_where_the_pinhole_puts_them(stride):
    depth = _depth()
    cloud = organised_cloud(depth, **CAMERA, stride=stride).numpy()
    rows, columns = np.arange(0, 12, stride), np.arange(0, 15, stride)
    assert cloud.shape == (len(rows), len(columns), 3)
    for i, v in enumerate(rows):
        for j, u in enumerate(columns):
            z = depth[v, u].item()
            np.testing.assert_allclose(cloud[i, j], [z * (u - 7.5) / 50, z * (v - 5.25) / 40, z], rtol=1e-6)


def test_invalid_and_far_points_are_nan_in_all_coordinates():
    depth = _depth()
    depth[0, 0], depth[1, 1], depth[2, 2], depth[3, 3] = torch.nan, torch.inf, -torch.inf, 70.0
    cloud = organised_cloud(depth, **CAMERA, max_range_m=60.0)
    for index in range(4):
        assert cloud[index, index].isnan().all()
    assert cloud.isnan().sum() == 12


def test_colour_bits_survive_whatever_they_mean_as_a_float():
    rgb = torch.randint(0, 256, (12, 15, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    rgb[0, 0] = torch.tensor([0, 0, 1])
    cloud = organised_cloud(_depth(), **CAMERA, rgb=rgb, stride=2)
    bits = cloud.contiguous().numpy().view(np.uint32)[..., 3]
    colours = rgb[::2, ::2].to(torch.int64).numpy()
    np.testing.assert_array_equal(bits, (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2])
    assert bits[0, 0] == 1


def test_strided_colour_and_foreign_memory_are_used_as_they_are():
    rgb = torch.randint(0, 256, (12, 15, 3), dtype=torch.uint8)
    out = torch.full((6, 8, 4), 7.0)
    cloud = organised_cloud(_depth(), **CAMERA, rgb=rgb[::2, ::2], stride=2, out=out)
    assert cloud.data_ptr() == out.data_ptr()
    expected = organised_cloud(_depth(), **CAMERA, rgb=rgb, stride=2)
    assert torch.equal(cloud.view(torch.int32), expected.view(torch.int32))


def test_shapes_that_do_not_fit_are_refused_with_both():
    with pytest.raises(ValueError, match=r"\(5, 8, 3\).*\(6, 8, 3\)"):
        organised_cloud(_depth(), **CAMERA, stride=2, out=torch.empty(5, 8, 3))
    with pytest.raises(ValueError, match="6x8"):
        organised_cloud(_depth(), **CAMERA, stride=2, rgb=torch.zeros(3, 3, 3, dtype=torch.uint8))


def test_large_clouds_are_the_same_in_every_block_of_rows():
    depth = _depth(100, 15)
    depth[70, 4] = torch.inf
    rgb = torch.randint(0, 256, (100, 15, 3), dtype=torch.uint8)
    whole = organised_cloud(depth, **CAMERA, rgb=rgb)
    for first in (0, 31, 32, 64, 99):
        row = organised_cloud(depth[first:][:1], **{**CAMERA, "cy": CAMERA["cy"] - first}, rgb=rgb[first:][:1])
        np.testing.assert_array_equal(whole[first].view(torch.int32), row[0].view(torch.int32))
