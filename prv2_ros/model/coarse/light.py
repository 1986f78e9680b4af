# SPDX-License-Identifier: Apache-2.0
"""Our own light coarse branch: an EfficientNet-Lite with attention at its coarsest level and a DPT-like decoder."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.coarse.efficientnet import LOG_DEPTH_RANGE, EfficientNetCoarse
from prv2_ros.model.layers import conv1, resize, without_autocast

ENCODER = "tf_efficientnet_lite2"
DECODER_CHANNELS = (24, 48, 64, 96, 160)  # at strides 2, 4, 8, 16, 32: capacity where pixels are few
HEAD_CHANNELS = 24
CONTEXT_BLOCKS = 2
HEADS = 5
LOG_ERROR_RANGE = (math.log(0.005), math.log(2.0))


class ContextBlock(nn.Module):
    """Self-attention over all places of the coarsest level: absolute scale is a property of the whole scene.

    A depthwise convolution tells places apart by their surroundings and the border, so any frame size works.
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        x = x + self.place(x)
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        qkv = self.qkv(self.norm1(tokens)).reshape(batch, height * width, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(batch, height * width, channels))
        tokens = tokens + self.mlp(self.norm2(tokens))
        return tokens.transpose(1, 2).reshape(batch, channels, height, width)


class LightCoarse(EfficientNetCoarse):
    """Metric depth in a canonical camera and its expected error, from the whole frame at the process size.

    Its depth is metric for the canonical focal length that stands in the weights file.

    Attributes:
        channels: empty: the refiner beside it reads coarse depth alone.
        tells_error: a third output is the expected error.
    """

    channels: tuple[int, ...] = ()
    tells_error = True

    def __init__(self):
        super().__init__(ENCODER, DECODER_CHANNELS, HEAD_CHANNELS)
        self.context = nn.Sequential(*(ContextBlock(DECODER_CHANNELS[-1], HEADS) for _ in range(CONTEXT_BLOCKS)))
        self.log_error = conv1(HEAD_CHANNELS, 1, bias=True)
        nn.init.normal_(self.log_error.weight, std=0.01)
        nn.init.constant_(self.log_error.bias, math.log(0.2))

    def predict(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Log depth and its expected error at half the size.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            log depth, metres of the canonical camera, and the logarithm of the expected absolute error of log depth
            (the scale b of a Laplace distribution), each (B, 1, h / 2, w / 2) float32.
        """
        levels = self.encode(rgb)
        head = F.relu(self.head(self.decode(levels, self.context(self.laterals[-1](levels[-1])))[0]))
        # The error's head learns from what the depth's head sees, and must not change it.
        return self.log_depth(head).float(), self.log_error(head.detach()).float()

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Depth of frames, no feature, and the error that is expected of the depth.

        Args:
            rgb: (B, 3, h, w) in [0, 1].

        Returns:
            depth (B, 1, h, w) in canonical metres; an empty list; and the expected absolute error of log depth
            (B, 1, h / 2, w / 2), which is not enlarged, since few ask for it.
        """
        # This pass sets the frame's scale: rounding log depth to bf16 alone would cost 0.8 %.
        with without_autocast(rgb.device):
            log_depth, log_error = self.predict(rgb.float())
            depth, error = log_depth.clamp(*LOG_DEPTH_RANGE).exp(), log_error.clamp(*LOG_ERROR_RANGE).exp()
        return resize(depth, rgb.shape[-2:]), [], error
