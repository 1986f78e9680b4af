# SPDX-License-Identifier: Apache-2.0
"""A small Depth Anything V2 with random weights, in the form that `transformers` saves and loads."""

from pathlib import Path

import torch
import transformers


def depth_anything_config(**changes):
    backbone = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    return transformers.DepthAnythingConfig(
        **{
            "backbone_config": backbone,
            "reassemble_hidden_size": 32,
            "neck_hidden_sizes": [8, 12, 16, 16],
            "fusion_hidden_size": 16,
            "head_hidden_size": 8,
            "depth_estimation_type": "metric",
            "max_depth": 20,
            **changes,
        }
    )


def save_depth_anything(folder: Path) -> str:
    """Write one that answers up to 20 m; returns the folder's name."""
    torch.manual_seed(0)
    transformers.DepthAnythingForDepthEstimation(depth_anything_config()).save_pretrained(folder)
    return str(folder)
