# SPDX-License-Identifier: Apache-2.0
"""Other networks with random weights, to be timed beside ours."""

from typing import Any

from torch import nn

# Depth Anything V2's sizes: ViT-S, ViT-B and ViT-L with patches of 14 pixels (25, 98 and 335 million parameters).
DEPTH_ANYTHING: dict[str, dict[str, Any]] = {
    "small": {
        "hidden": 384, "heads": 6, "layers": 12, "stages": (3, 6, 9, 12), "neck": (48, 96, 192, 384), "fusion": 64,
    },
    "base": {
        "hidden": 768, "heads": 12, "layers": 12, "stages": (3, 6, 9, 12), "neck": (96, 192, 384, 768), "fusion": 128,
    },
    "large": {
        "hidden": 1024, "heads": 16, "layers": 24, "stages": (5, 12, 18, 24), "neck": (256, 512, 1024, 1024),
        "fusion": 256,
    },
}  # fmt: skip


def depth_anything(size: str, *, metric: bool = True, stages: tuple[int, ...] | None = None) -> nn.Module:
    """A Depth Anything of one of the sizes in `DEPTH_ANYTHING`, random weights; needs transformers.

    Args:
        size: one of the table.
        metric: depth up to 80 m; otherwise inverse depth up to scale and shift.
        stages: layers that are tapped; None is those of V2.
    """
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    chosen = DEPTH_ANYTHING[size]
    backbone = Dinov2Config(
        hidden_size=chosen["hidden"],
        num_attention_heads=chosen["heads"],
        num_hidden_layers=chosen["layers"],
        image_size=518,
        patch_size=14,
        out_features=[f"stage{stage}" for stage in stages or chosen["stages"]],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=chosen["hidden"],
        neck_hidden_sizes=list(chosen["neck"]),
        fusion_hidden_size=chosen["fusion"],
        head_hidden_size=32,
        **({"depth_estimation_type": "metric", "max_depth": 80} if metric else {}),
    )
    return DepthAnythingForDepthEstimation(config).eval()


def depth_anything_small() -> nn.Module:
    """Depth Anything V2 small (ViT-S/14, 25 million parameters), random weights; needs transformers."""
    return depth_anything("small")


def save_depth_anything(size: str, folder: str) -> None:
    """Write one with its image processor, as `transformers` saves them."""
    from transformers import DPTImageProcessor

    depth_anything(size).save_pretrained(folder)
    side = {"height": 518, "width": 518}
    DPTImageProcessor(size=side, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)
