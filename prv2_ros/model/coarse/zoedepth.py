# SPDX-License-Identifier: Apache-2.0
"""ZoeDepth of `transformers` as a coarse branch: the paper's."""

from torch import Tensor, nn
from transformers import ZoeDepthConfig, ZoeDepthForDepthEstimation

from prv2_ros.model.coarse.float_head import in_float32
from prv2_ros.model.coarse.taps import Taps
from prv2_ros.model.layers import resize

NECK_CHANNELS = (256, 512, 1024, 1024)


class ZoeDepthCoarse(nn.Module):
    """Taps the bottleneck, the four fusion blocks and the relative head (spec of the coarse features, section 1)."""

    def __init__(self, network: ZoeDepthForDepthEstimation):
        super().__init__()
        self.network = network
        in_float32(network.relative_head)
        in_float32(network.metric_head)
        config = network.config
        self.channels = (config.num_relative_features, *[config.fusion_hidden_size] * 4, config.bottleneck_features)
        self._taps = Taps()
        self._taps.add("head", network.relative_head, select=lambda output: output[1])
        self._taps.add("fused", network.neck.fusion_stage)
        self._taps.add("bottleneck", network.metric_head.conv2)

    @classmethod
    def from_pretrained(cls, source: str) -> "ZoeDepthCoarse":
        """Load from a local folder or a hub name; safetensors only, since a pickle can run code."""
        return cls(ZoeDepthForDepthEstimation.from_pretrained(source, use_safetensors=True))

    @classmethod
    def published(cls) -> "ZoeDepthCoarse":
        """The published architecture (MiDaS with BEiT-L) with random weights."""
        return cls(ZoeDepthForDepthEstimation(ZoeDepthConfig(neck_hidden_sizes=NECK_CHANNELS)))

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth and features of a frame.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            depth (B, 1, h, w), metres, and six features fine to coarse.
        """
        # ZoeDepth normalises with mean and standard deviation 0.5.
        depth = self.network((rgb - 0.5) / 0.5).predicted_depth[:, None]
        maps = self._taps.take()
        return resize(depth, rgb.shape[-2:]), [maps["head"], *reversed(maps["fused"]), maps["bottleneck"]]
