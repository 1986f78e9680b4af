# SPDX-License-Identifier: Apache-2.0
"""Depth Anything without metres: inverse depth up to scale and shift, and that under ZoeDepth's metric head."""

from torch import Tensor, nn
from transformers import DepthAnythingForDepthEstimation

from prv2_ros.model.baselines.bins_head import BinsHead
from prv2_ros.model.coarse.depth_anything import TappedDepthAnything
from prv2_ros.model.coarse.peers import depth_anything
from prv2_ros.model.layers import conv1

# Size of each ViT, and the layers that V1 taps.
VITS = {
    "vits": ("small", (9, 10, 11, 12)),
    "vitb": ("base", (9, 10, 11, 12)),
    "vitl": ("large", (21, 22, 23, 24)),
}


def depth_anything_network(vit: str, *, second: bool) -> DepthAnythingForDepthEstimation:
    """The published architecture of that ViT with random weights; `second` is V2, which taps other layers than V1."""
    size, first_taps = VITS[vit]
    return depth_anything(size, metric=False, stages=None if second else first_taps)


class RelativeDepthAnything(TappedDepthAnything):
    """Inverse depth, and the maps that PRO and PatchFusion read: level 0 is the head's last activation.

    Args:
        network: a relative Depth Anything.
    """

    def __init__(self, network: DepthAnythingForDepthEstimation):
        super().__init__(network, network.head.activation1, network.config.head_hidden_size)


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
