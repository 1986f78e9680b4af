# SPDX-License-Identifier: Apache-2.0
"""Other networks with random weights, to be timed beside ours."""

from torch import nn


def depth_anything_small() -> nn.Module:
    """Depth Anything V2 small (ViT-S/14, 25 million parameters), random weights; needs transformers."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        num_hidden_layers=12,
        image_size=518,
        patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=384,
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
        head_hidden_size=32,
    )
    return DepthAnythingForDepthEstimation(config).eval()
