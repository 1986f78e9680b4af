# SPDX-License-Identifier: Apache-2.0
"""Our own light coarse branch: EfficientNet-Lite with a DPT-like decoder, for CPUs and small computers."""

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.coarse.efficientnet import LOG_DEPTH_RANGE, EfficientNetCoarse
from prv2_ros.model.layers import conv1, resize, without_autocast

ENCODER = "tf_efficientnet_lite0"
DECODER_CHANNELS = (32, 48, 64, 80, 96)  # at internal strides 2, 4, 8, 16, 32: capacity where pixels are few
HEAD_CHANNELS = 16


class SmallCoarse(EfficientNetCoarse):
    """Metric depth in a canonical camera, and six features for the refiners that read some.

    The frame arrives at the process size and is halved inside: of 384x512 the network sees 192x256, the size that it
    is trained at. Its depth is metric for the canonical focal length that stands in the weights file.
    """

    channels = (HEAD_CHANNELS, *DECODER_CHANNELS)

    def __init__(self):
        super().__init__(ENCODER, DECODER_CHANNELS, HEAD_CHANNELS)
        self.context = conv1(self.encoder.feature_info.channels()[-1], DECODER_CHANNELS[-1], bias=True)

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
        levels = self.encode(rgb)
        # Absolute scale is a property of the whole scene, so the coarsest level sees its global mean.
        context = self.context(levels[-1].mean((2, 3), keepdim=True))
        maps = self.decode(levels, self.laterals[-1](levels[-1]) + context)
        head = F.relu(self.head(resize(maps[0], rgb.shape[-2:])))
        return self.log_depth(head).float(), [head, *maps]

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth and features of a frame at the process size.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            depth (B, 1, h, w) in canonical metres, and six features fine to coarse, at half of the size that the
            refiner uses at each level.
        """
        height, width = rgb.shape[-2:]
        # This pass sets the frame's scale: rounding log depth to bf16 alone would cost 0.8 %.
        with without_autocast(rgb.device):
            log_depth, features = self.forward_internal(resize(rgb.float(), self.internal_size((height, width))))
        depth = torch.exp(log_depth.clamp(*LOG_DEPTH_RANGE))
        return resize(depth, (height, width)), features
