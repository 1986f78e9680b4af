# SPDX-License-Identifier: Apache-2.0
"""Small metric depth models with random weights, saved with their image processors as `transformers` does."""

from pathlib import Path

import torch
import transformers
from tiny_depth_anything import save_depth_anything

NAMES = ("depth_anything", "zoedepth", "glpn", "depth_pro")


def save_model(name: str, folder: Path) -> str:
    """Write one of `NAMES`; returns the folder's name."""
    torch.manual_seed(0)
    globals()[f"_save_{name}"](folder)
    return str(folder)


def _save_depth_anything(folder: Path) -> None:
    save_depth_anything(folder)
    size = {"height": 56, "width": 56}
    transformers.DPTImageProcessor(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)


def _save_zoedepth(folder: Path) -> None:
    backbone = transformers.BeitConfig(
        image_size=32, patch_size=16, num_hidden_layers=4, hidden_size=32, intermediate_size=32, num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone, neck_hidden_sizes=[8, 12, 16, 16], fusion_hidden_size=16, bottleneck_features=16,
        num_relative_features=8, reassemble_factors=[4, 2, 1, 0.5], num_attractors=[4, 2, 1, 1], bin_embedding_dim=16,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.1, "max_depth": 10.0, "name": "nyu"}],
    )  # fmt: skip
    transformers.ZoeDepthForDepthEstimation(config).save_pretrained(folder)
    transformers.ZoeDepthImageProcessor(size={"height": 64, "width": 96}).save_pretrained(folder)


def _save_glpn(folder: Path) -> None:
    config = transformers.GLPNConfig(
        hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8
    )
    transformers.GLPNForDepthEstimation(config).save_pretrained(folder)
    transformers.GLPNImageProcessor().save_pretrained(folder)


def _save_depth_pro(folder: Path) -> None:
    encoder = {"model_type": "dinov2", "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2,
               "patch_size": 4, "image_size": 16}  # fmt: skip
    config = transformers.DepthProConfig(
        patch_size=16, intermediate_hook_ids=[1, 0], intermediate_feature_dims=[16, 16], fusion_hidden_size=16,
        scaled_images_feature_dims=[16, 16, 16], scaled_images_ratios=[0.25, 0.5, 1.0], merge_padding_value=1,
        use_fov_model=True, image_model_config=dict(encoder), patch_model_config=dict(encoder),
        fov_model_config=dict(encoder),
    )  # fmt: skip
    transformers.DepthProForDepthEstimation(config).save_pretrained(folder)
    transformers.DepthProImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
