# SPDX-License-Identifier: Apache-2.0
import timm
import torch

from prv2_ros.model import VARIANTS, create_refiner
from prv2_ros.model.encoder import LightweightEncoder

HALF = (0.5, 0.5, 0.5)


def test_five_levels_at_the_strides_of_the_paper():
    encoder = LightweightEncoder("mobilenetv4_conv_small", mean=HALF, std=HALF).eval()
    levels = encoder(torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (32, 32, 48), (32, 16, 24), (64, 8, 12), (96, 4, 6), (960, 2, 3)
    ]  # fmt: skip


def test_a_stride_four_stem_gets_a_stride_two_level():
    encoder = LightweightEncoder("convnext_atto", mean=HALF, std=HALF, stride2_channels=10).eval()
    levels = encoder(torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64))
    assert levels[0].shape == (1, 10, 32, 32)
    assert [level.shape[-1] for level in levels] == [32, 16, 8, 4, 2]


def test_a_widened_rgb_stem_ignores_depth_at_first():
    torch.manual_seed(0)
    rgb_backbone = timm.create_model("mobilenetv4_conv_small", features_only=True).eval()
    encoder = LightweightEncoder("mobilenetv4_conv_small", mean=HALF, std=HALF).eval()
    encoder.load_rgb_state_dict(rgb_backbone.state_dict())
    rgb = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        wanted = rgb_backbone((rgb - 0.5) / 0.5)
        for depth in (torch.zeros(1, 1, 64, 64), torch.full((1, 1, 64, 64), 30.0)):
            levels = encoder(rgb, depth)
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(levels, wanted))
    fresh = LightweightEncoder("mobilenetv4_conv_small", mean=HALF, std=HALF)
    fresh.clear_depth_channel()
    assert not fresh.stem.weight[:, 3].any() and fresh.stem.weight[:, :3].any()


def test_each_variant_normalises_as_its_own_backbone():
    assert VARIANTS["prv2e"].mean == (0.5, 0.5, 0.5)
    encoder = create_refiner("prv2m").encoder
    assert torch.allclose(encoder.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
    assert torch.allclose(encoder.std.flatten(), torch.tensor([0.229, 0.224, 0.225]))
