# SPDX-License-Identifier: Apache-2.0
"""Our own light coarse branch: EfficientNet-Lite with a DPT-like decoder, for CPUs and small computers."""

import math

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.coarse.efficientnet import EfficientNetCoarse, ResidualUnit
from prv2_ros.model.layers import conv1, conv3, resize, without_autocast

ENCODER = "tf_efficientnet_lite0"
DECODER_CHANNELS = (32, 48, 64, 80, 96)  # at internal strides 2, 4, 8, 16, 32: capacity where pixels are few
HEAD_CHANNELS = 16
LOG_DEPTH_RANGE = (math.log(0.05), math.log(500.0))


class SmallCoarse(EfficientNetCoarse):
    """Metric depth in a canonical camera, and six features for the refiners that read some.

    The frame arrives at the process size and is halved inside: of 384x512 the network sees 192x256, the size that it
    is trained at. Its depth is metric for the canonical focal length that stands in the weights file.
    """

    channels = (HEAD_CHANNELS, *DECODER_CHANNELS)

    def __init__(self):
        super().__init__()
        self.encoder_name = ENCODER
        self.encoder = timm.create_model(ENCODER, pretrained=False, features_only=True)
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

    def internal_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) that the network sees of a frame that arrives at `size`."""
        return int(size[0]) // 2, int(size[1]) // 2  # int: while torch traces for ONNX, they are tensors

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
            depth (B, 1, h, w) in canonical metres, and six features fine to coarse, at half of the size that the
            refiner uses at each level.
        """
        height, width = rgb.shape[-2:]
        # The frame's scale hangs on this one small pass: rounding log depth to bf16 alone would cost 0.8 %.
        with without_autocast(rgb.device):
            log_depth, features = self.forward_internal(resize(rgb.float(), self.internal_size((height, width))))
        depth = torch.exp(log_depth.clamp(*LOG_DEPTH_RANGE))
        return resize(depth, (height, width)), features
