# SPDX-License-Identifier: Apache-2.0
"""What tiling hands to the refiners that need more than a tile's own maps."""

import golden
import pytest
import torch

from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.model.baselines.builders import feature_sizes_of
from prv2_ros.model.baselines.pro import centre_and_scale
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.blend import Canvas, mosaic
from prv2_ros.tiling.grid import blended_boxes, regular_boxes
from prv2_ros.tiling.masks import tile_mask
from prv2_ros.tiling.roi import corners

SIZE = (56, 84)  # no multiple of 32


@pytest.fixture(scope="module")
def frame():
    return torch.rand(1, 3, 112, 168, generator=torch.Generator().manual_seed(0))


def model_of(name: str) -> PatchRefiner:
    torch.manual_seed(0)
    coarse, fine = create_coarse("small").eval(), create_coarse("small")
    refiner = create_refiner(name, fine=fine, feature_sizes=feature_sizes_of(coarse, SIZE))
    return PatchRefiner(coarse, refiner, SIZE, (2, 2), tile_batch=3).eval()


@pytest.mark.parametrize("name", ["prv1", "patchfusion", "pro"])
@torch.inference_mode()
def test_a_tile_is_what_the_refiner_says_of_it(name, frame):
    model = model_of(name)
    boxes = regular_boxes((2, 2))
    maps = model.coarse_maps(frame, (2, 2))
    tiles = model.refine(frame, maps, boxes)
    depth, features = maps.crop(boxes[3:])
    center, scale = centre_and_scale(maps.depth)
    inputs = {
        "prv1": {},
        "patchfusion": {"whole_features": maps.features, "boxes": corners(boxes[3:])},
        "pro": {"center": center, "scale": scale},
    }[name]
    tile = torch.nn.functional.interpolate(frame[..., 56:, 84:], SIZE, mode="bilinear", align_corners=True)
    alone = model.refiner.refine(tile, depth, features, **inputs)
    assert torch.allclose(tiles[3:], alone[:, 0], atol=1e-4)
    assert model(frame, "p49").shape == (1, 1, 112, 168)


@torch.inference_mode()
def test_global_features_are_computed_once_a_frame(frame):
    model = model_of("patchfusion")
    calls = []
    model.refiner.g2l[0].register_forward_hook(lambda *_: calls.append(1))
    model(frame, "r4")
    assert len(calls) == 1


def test_the_process_size_of_v2_stays_a_multiple_of_32():
    coarse = create_coarse("small")
    with pytest.raises(ValueError, match="is not a multiple of 32"):
        PatchRefiner(coarse, create_refiner("prv2m-narrow"), SIZE)


@pytest.mark.parametrize(("name", "border", "floor"), [("patchfusion", 0.10, 1e-3), ("prv", 0.15, 0.0)])
def test_blending_is_the_references(name, border, floor):
    traits = create_refiner("patchfusion", fine=create_coarse("small")).traits
    if name == "patchfusion":
        assert (traits.mask_border, traits.mask_floor) == (border, floor)
    mask = tile_mask(24, 32, border=border, floor=floor)
    assert (mask - golden.values("blend_p49.npz", f"{name}_mask")).abs().max() < 1e-5
    grid = (4, 4)
    tiles = torch.cat([5 + golden.noise(f"tile_{n}", (1, 24, 32)) for n in range(49)])
    canvas = Canvas(mosaic(tiles[:16], grid), mosaic(mask.expand(16, -1, -1), grid))
    for box, tile in zip(blended_boxes(grid), tiles[16:], strict=True):
        canvas.blend(box, tile, mask)
    assert (canvas.depth - golden.values("blend_p49.npz", name)).abs().max() < 1e-5
