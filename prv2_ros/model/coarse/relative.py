# SPDX-License-Identifier: Apache-2.0
"""Depth Anything without metres: inverse depth up to scale and shift, and that under ZoeDepth's metric head."""

import math

import torch
from torch import Tensor, nn
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from prv2_ros.model.baselines.bins_head import BinsHead
from prv2_ros.model.coarse.taps import Taps
from prv2_ros.model.layers import conv1, resize

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# ViT: width, layers, heads, widths of the neck, width of the DPT, layers that are tapped by V1 and by V2.
VITS = {
    "vits": (384, 12, 6, (48, 96, 192, 384), 64, (9, 10, 11, 12), (3, 6, 9, 12)),
    "vitb": (768, 12, 12, (96, 192, 384, 768), 128, (9, 10, 11, 12), (3, 6, 9, 12)),
    "vitl": (1024, 24, 16, (256, 512, 1024, 1024), 256, (21, 22, 23, 24), (5, 12, 18, 24)),
}


def depth_anything_network(vit: str, *, second: bool) -> DepthAnythingForDepthEstimation:
    """The published architecture of that ViT with random weights; `second` is V2, which taps other layers than V1."""
    width, layers, heads, neck, fused, first_taps, second_taps = VITS[vit]
    backbone = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=518,
        patch_size=14,
        out_indices=list(second_taps if second else first_taps),
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    return DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=width,
            neck_hidden_sizes=list(neck),
            fusion_hidden_size=fused,
            head_hidden_size=32,
        )
    )


class RelativeDepthAnything(nn.Module):
    """Inverse depth, and the maps that PRO and PatchFusion read: level 0 is the head's last activation.

    Args:
        network: a relative Depth Anything.
    """

    def __init__(self, network: DepthAnythingForDepthEstimation):
        super().__init__()
        self.network = network
        config = network.config
        self.channels = (config.head_hidden_size, *[config.fusion_hidden_size] * 5)
        self._taps = Taps()
        self._taps.add("fused", network.neck.fusion_stage)
        self._taps.add("layer_4", network.neck.convs[-1])
        self._taps.add("activation", network.head.activation1)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Inverse depth and features of a picture.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            inverse depth (B, 1, h, w), 0 or more, and six features fine to coarse: level 0 of (h, w), the others of
            the network's own sizes (multiples and fractions of its patch grid).
        """
        size = rgb.shape[-2:]
        patch = self.network.config.patch_size
        fitted = tuple(math.ceil(side / patch) * patch for side in size)
        inverse = self.network((resize(rgb, fitted) - self.mean) / self.std).predicted_depth[:, None]
        maps = self._taps.take()
        return resize(inverse, size), [resize(maps["activation"], size), *reversed(maps["fused"]), maps["layer_4"]]


class ZoeDepthAnything(nn.Module):
    """Depth Anything V1 under ZoeDepth's metric head, as PatchFusion trained it.

    Args:
        network: a relative Depth Anything.
    """

    def __init__(self, network: DepthAnythingForDepthEstimation):
        super().__init__()
        self.relative = RelativeDepthAnything(network)
        self.channels = self.relative.channels
        self.bottleneck = conv1(self.channels[-1], self.channels[-1], bias=True)
        self.head = BinsHead(self.channels)

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Metric depth (B, 1, h, w) of pictures (B, 3, h, w) and six features fine to coarse."""
        inverse, maps = self.relative(rgb)
        maps = [*maps[:-1], self.bottleneck(maps[-1])]
        return self.head(maps, inverse), maps
