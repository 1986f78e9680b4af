# SPDX-License-Identifier: Apache-2.0
"""Our own light coarse branch: EfficientNet-Lite with a DPT-like decoder, for CPUs and small computers."""

import math
from dataclasses import replace
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.coarse.efficientnet import EfficientNetCoarse, ResidualUnit
from prv2_ros.model.coarse.looks import Look, what_looks_add
from prv2_ros.model.layers import conv1, conv3, resize, without_autocast

ENCODER = "tf_efficientnet_lite0"
DECODER_CHANNELS = (32, 48, 64, 80, 96)  # at internal strides 2, 4, 8, 16, 32: capacity where pixels are few
HEAD_CHANNELS = 16
STEP = 16  # sides of a further look are multiples of it
LOG_DEPTH_RANGE = (math.log(0.05), math.log(500.0))


class SmallCoarse(EfficientNetCoarse):
    """Metric depth in a canonical camera, from the whole frame at a share of the process size.

    The frame arrives at the process size and is made smaller inside: at half of 384x512 the network sees 192x256,
    which is what it must have been trained at. Its depth is metric for the canonical focal length that stands in
    the weights file.

    Args:
        share: of the process size's height and width; the tensors are the same for all.
        encoder: timm name of an EfficientNet-Lite.
        looks: further looks at the frame, whose scale and layout are averaged with the first one's.
        layout: share and encoder of a second network, for the looks that want it.
        first_weight: of the first look in the mean of scale and layout; under 1 where the layout network knows better.
    """

    channels = (HEAD_CHANNELS, *DECODER_CHANNELS)

    def __init__(
        self,
        share: float = 0.5,
        encoder: str = ENCODER,
        looks: tuple[Look, ...] = (),
        layout: dict[str, Any] | None = None,
        first_weight: float = 1.0,
    ):
        super().__init__()
        self.share, self.encoder_name, self.looks, self.first_weight = share, encoder, looks, first_weight
        self.encoder = timm.create_model(encoder, pretrained=False, features_only=True)
        encoder_channels = self.encoder.feature_info.channels()
        self.laterals = nn.ModuleList(conv1(c, d, bias=True) for c, d in zip(encoder_channels, DECODER_CHANNELS))
        self.context = conv1(encoder_channels[-1], DECODER_CHANNELS[-1], bias=True)
        self.units = nn.ModuleList(ResidualUnit(d) for d in DECODER_CHANNELS)
        self.ups = nn.ModuleList(conv1(c, f, bias=True) for f, c in zip(DECODER_CHANNELS[:-1], DECODER_CHANNELS[1:]))
        self.head = conv3(DECODER_CHANNELS[0], HEAD_CHANNELS, bias=True)
        self.log_depth = conv1(HEAD_CHANNELS, 1, bias=True)
        nn.init.normal_(self.log_depth.weight, std=0.01)
        nn.init.constant_(self.log_depth.bias, math.log(4.0))
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5), persistent=False)
        self.register_buffer("std", torch.full((1, 3, 1, 1), 0.5), persistent=False)
        self.layout = SmallCoarse(**layout) if layout else None

    def internal_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) that the network sees of a frame that arrives at `size`."""
        return math.ceil(size[0] * self.share), math.ceil(size[1] * self.share)

    def forward_internal(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Run at the internal size.

        Args:
            rgb: (B, 3, h, w) in [0, 1], already at the internal size.

        Returns:
            log depth (B, 1, h, w), metres of the canonical camera, and six features fine to coarse
            at strides 1, 2, 4, 8, 16, 32 of the internal size.
        """
        levels = self.encoder((rgb - self.mean) / self.std)
        # Absolute scale is a property of the whole scene, so the coarsest level sees its global mean.
        context = self.context(levels[-1].mean((2, 3), keepdim=True))
        path = self.units[-1](self.laterals[-1](levels[-1]) + context)
        features = [path]
        for k in range(len(levels) - 2, -1, -1):
            path = self.laterals[k](levels[k]) + resize(self.ups[k](path), levels[k].shape[-2:])
            path = self.units[k](path)
            features.insert(0, path)
        head = F.relu(self.head(resize(path, rgb.shape[-2:])))
        features.insert(0, head)
        return self.log_depth(head).float(), features

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth and features of a frame at the process size.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            depth (B, 1, h, w) in canonical metres, and six features fine to coarse, at `share` of the
            size that the refiner uses at each level.
        """
        height, width = rgb.shape[-2:]
        # The frame's scale hangs on this one small pass: rounding log depth to bf16 alone would cost 0.8 %.
        with without_autocast(rgb.device):
            log_depth, features = self.forward_internal(resize(rgb.float(), self.internal_size((height, width))))
            if self.looks:
                others = [self._look(rgb.float(), look) for look in self.looks]
                log_depth = log_depth + what_looks_add(log_depth, others, first_weight=self.first_weight)
        depth = torch.exp(log_depth.clamp(*LOG_DEPTH_RANGE))
        return resize(depth, (height, width)), features

    def _look(self, rgb: Tensor, look: Look) -> Tensor:
        """Log depth (B, 1, h, w) of the frame (B, 3, H, W) in one more look."""
        if look.layout:
            return self.layout._look(rgb, replace(look, layout=False))
        sides = (int(rgb.shape[-2]), int(rgb.shape[-1]))  # int: while torch traces for ONNX, they are tensors
        seen = tuple(STEP * max(1, round(side * look.share / STEP)) for side in sides)
        own = self.internal_size(sides)
        log_depth = self.forward_internal(resize(rgb.flip(-1) if look.mirrored else rgb, seen))[0]
        # A frame of more pixels has a longer focal length in pixels, and looks nearer by as much.
        log_depth = log_depth + 0.5 * math.log(seen[0] / own[0] * seen[1] / own[1])
        return log_depth.flip(-1) if look.mirrored else log_depth
