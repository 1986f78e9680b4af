# SPDX-License-Identifier: Apache-2.0
import torch

from prv2_ros.tiling.blend import Canvas, mosaic
from prv2_ros.tiling.grid import Box


def test_mosaic_places_tiles_in_reading_order():
    tiles = torch.arange(6.0).view(6, 1, 1).expand(6, 2, 3)
    whole = mosaic(tiles, (2, 3))
    assert whole.shape == (4, 9)
    assert whole[::2, ::3].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_blend_is_a_running_weighted_average_inside_the_box_only():
    canvas = Canvas(torch.full((4, 4), 2.0), torch.full((4, 4), 1.0))
    mask = torch.tensor([[0.0, 1.0], [3.0, 0.5]])
    canvas.blend(Box(0.5, 0.0, 0.5, 0.5), torch.full((2, 2), 6.0), mask)
    assert torch.allclose(canvas.depth[0:2, 2:4], torch.tensor([[2.0, 4.0], [5.0, 2.0 + 4 * 0.5 / 1.5]]))
    assert canvas.weight[0:2, 2:4].tolist() == [[1.0, 2.0], [4.0, 1.5]]
    assert (canvas.depth[2:] == 2).all() and (canvas.depth[:, :2] == 2).all()


def test_a_pixel_without_any_weight_keeps_its_depth():
    canvas = Canvas(torch.full((2, 2), 7.0), torch.zeros(2, 2))
    canvas.blend(Box(0, 0, 1, 1), torch.full((2, 2), 1.0), torch.tensor([[0.0, 0.5], [0.0, 1.0]]))
    assert canvas.depth.tolist() == [[7.0, 1.0], [7.0, 1.0]]
