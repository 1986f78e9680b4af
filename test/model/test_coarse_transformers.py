# SPDX-License-Identifier: Apache-2.0
"""The `transformers` coarse branches on small random networks saved to a local folder."""

import copy

import pytest
import torch

transformers = pytest.importorskip("transformers")

from tiny_depth_anything import depth_anything_config, save_depth_anything  # noqa: E402

from prv2_ros.model import create_coarse, create_refiner  # noqa: E402


@pytest.fixture(scope="module")
def depth_anything(tmp_path_factory):
    return save_depth_anything(tmp_path_factory.mktemp("depth_anything"))


def test_depth_anything_depth_and_taps(depth_anything):
    coarse = create_coarse("depth-anything-v2", source=depth_anything, max_depth_m=40.0).eval()
    assert coarse.channels == (8, 16, 16, 16, 16, 16)
    rgb = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        depth, features = coarse(rgb)
    assert depth.shape == (1, 1, 64, 96)
    assert [f.shape[1] for f in features] == list(coarse.channels)
    # 64x96 is fitted to 70x98, 5x7 patches of 14 pixels; layer_4 has half of that, path_4 its next finer size.
    assert [tuple(f.shape[-2:]) for f in features] == [(64, 96), (40, 56), (20, 28), (10, 14), (5, 7), (3, 4)]
    assert depth.min() > 0 and depth.max() < 40
    half = create_coarse("depth-anything-v2", source=depth_anything, max_depth_m=20.0).eval()
    with torch.inference_mode():
        assert torch.allclose(half(rgb)[0] * 2, depth, rtol=1e-4)
    configured = create_coarse("depth-anything-v2", source=depth_anything).eval()  # its configuration says 20 m
    with torch.inference_mode():
        assert torch.equal(configured(rgb)[0], half(rgb)[0])


def fine_steps(depth):
    """Whether depth differs by less than half a step of bfloat16 somewhere, as rounded depth cannot."""
    values = depth.flatten().unique()
    return depth.dtype == torch.float32 and (values.diff() / values[1:]).min() < 2**-10


def test_depth_is_not_rounded_under_autocast(depth_anything):
    """The head in bfloat16 would give 40 m in steps of a quarter."""
    coarse = create_coarse("depth-anything-v2", source=depth_anything, max_depth_m=80.0).eval()
    names = list(coarse.state_dict())
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        depth, features = coarse(torch.rand(1, 3, 64, 96))
    assert fine_steps(depth) and len(features) == 6
    plain = transformers.DepthAnythingForDepthEstimation.from_pretrained(depth_anything)
    assert names == [f"network.{name}" for name in plain.state_dict()]


def test_a_copys_maps_are_its_own(depth_anything):
    coarse = create_coarse("depth-anything-v2", source=depth_anything).eval()
    teacher = copy.deepcopy(coarse)
    rgb = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        depth, features = teacher(rgb)
        assert torch.equal(depth, coarse(rgb)[0])
    assert len(features) == 6 and not coarse._taps.take()


def test_depth_anything_drives_a_refiner(depth_anything):
    coarse = create_coarse("depth-anything-v2", source=depth_anything).eval()
    refiner = create_refiner("prv2m-narrow", coarse_channels=coarse.channels).eval()
    rgb = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert refiner(rgb, *coarse(rgb)).shape == (1, 1, 64, 96)


def test_relative_depth_anything_is_refused(tmp_path):
    network = transformers.DepthAnythingForDepthEstimation(depth_anything_config(depth_estimation_type="relative"))
    network.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="predicts relative depth; take one of its metric checkpoints"):
        create_coarse("depth-anything-v2", source=str(tmp_path))


def test_zoedepth_depth_and_taps(tmp_path):
    torch.manual_seed(0)
    backbone = transformers.BeitConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=64,
        patch_size=16, use_relative_position_bias=True, reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone, neck_hidden_sizes=[8, 12, 16, 16], fusion_hidden_size=16, bottleneck_features=16,
        num_relative_features=8, bin_embedding_dim=16, num_attractors=[4, 2, 1, 1],
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
    )  # fmt: skip
    transformers.ZoeDepthForDepthEstimation(config).save_pretrained(tmp_path)
    coarse = create_coarse("zoedepth", source=str(tmp_path)).eval()
    assert coarse.channels == (8, 16, 16, 16, 16, 16)
    with torch.inference_mode():
        depth, features = coarse(torch.rand(1, 3, 64, 96))
    assert depth.shape == (1, 1, 64, 96) and (depth > 0).all()
    assert [tuple(f.shape[1:]) for f in features] == [
        (8, 64, 96), (16, 32, 48), (16, 16, 24), (16, 8, 12), (16, 4, 6), (16, 2, 3)
    ]  # fmt: skip
    assert not coarse._taps.take(), "maps outlive their frame"
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert fine_steps(coarse(torch.rand(1, 3, 64, 96))[0])
