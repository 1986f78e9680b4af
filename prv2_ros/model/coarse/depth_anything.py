# SPDX-License-Identifier: Apache-2.0
"""Depth Anything of `transformers`, and V2 (metric) as a coarse branch."""

import math

import torch
from torch import Tensor, nn
from transformers import DepthAnythingForDepthEstimation

from prv2_ros.model.coarse.float_head import in_float32
from prv2_ros.model.coarse.taps import Taps
from prv2_ros.model.layers import resize

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TappedDepthAnything(nn.Module):
    """A Depth Anything with the maps that refiners read: layer_4, path_4 to path_1 and one of its head.

    Args:
        network: of either depth, metric or relative.
        head_map: module of the head whose output is level 0.
        head_channels: its width.
    """

    def __init__(self, network: DepthAnythingForDepthEstimation, head_map: nn.Module, head_channels: int):
        super().__init__()
        self.network = network
        self.channels = (head_channels, *[network.config.fusion_hidden_size] * 5)
        self._taps = Taps()
        self._taps.add("fused", network.neck.fusion_stage)
        self._taps.add("layer_4", network.neck.convs[-1])
        self._taps.add("head", head_map)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth and features of a frame.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            depth (B, 1, h, w), metres, or inverse depth of a relative network; and six features fine to coarse: level 0
            of (h, w), the others of the network's own sizes (multiples and fractions of its patch grid).
        """
        size = rgb.shape[-2:]
        patch = self.network.config.patch_size
        fitted = tuple(math.ceil(side / patch) * patch for side in size)
        depth = self.network((resize(rgb, fitted) - self.mean) / self.std).predicted_depth[:, None]
        maps = self._taps.take()
        return resize(depth, size), [resize(maps["head"], size), *reversed(maps["fused"]), maps["layer_4"]]


class DepthAnythingCoarse(TappedDepthAnything):
    """A metric Depth Anything V2; level 0 is output_conv1 (spec of the coarse features, section 1).

    Args:
        network: a metric Depth Anything V2.
        max_depth_m: range of its sigmoid head; None keeps the configuration's.

    Raises:
        ValueError: the network predicts relative, not metric, depth.
    """

    def __init__(self, network: DepthAnythingForDepthEstimation, *, max_depth_m: float | None = None):
        if network.config.depth_estimation_type != "metric":
            raise ValueError(
                f"this Depth Anything predicts {network.config.depth_estimation_type} depth; "
                "take one of its metric checkpoints (indoor or outdoor)"
            )
        if max_depth_m is not None:
            network.head.max_depth = max_depth_m
        in_float32(network.head)
        super().__init__(network, network.head.conv1, network.config.fusion_hidden_size // 2)

    @classmethod
    def from_pretrained(cls, source: str, *, max_depth_m: float | None = None) -> "DepthAnythingCoarse":
        """Load from a local folder or a hub name; safetensors only, since a pickle can run code."""
        network = DepthAnythingForDepthEstimation.from_pretrained(source, use_safetensors=True)
        return cls(network, max_depth_m=max_depth_m)
