# SPDX-License-Identifier: Apache-2.0
"""What the coarse branches on an EfficientNet-Lite share: encoder, decoder, loading and stochastic depth."""

import math

import timm
import torch
import torch.nn.functional as F
from timm.layers import DropPath
from torch import Tensor, nn

from prv2_ros.model.layers import conv1, conv3, resize

LOG_DEPTH_RANGE = (math.log(0.05), math.log(500.0))


class ResidualUnit(nn.Module):
    """Pre-activation residual unit of two 3x3 convolutions: (B, C, H, W) to the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(F.relu(x)))
        return x + self.bn2(self.conv2(F.relu(y)))


class EfficientNetCoarse(nn.Module):
    """Base of a coarse branch: an EfficientNet-Lite encoder with a DPT-like decoder.

    Args:
        encoder: timm name of an EfficientNet-Lite.
        widths: of the decoder at strides 2, 4, 8, 16, 32.
        head_channels: of the map that depth is read from.

    Attributes:
        encoder_name: timm name of the encoder.
        encoder: five levels at strides 2 to 32.
    """

    def __init__(self, encoder: str, widths: tuple[int, ...], head_channels: int):
        super().__init__()
        self.encoder_name = encoder
        self.encoder = timm.create_model(encoder, pretrained=False, features_only=True)
        channels = self.encoder.feature_info.channels()
        self.laterals = nn.ModuleList(conv1(c, d, bias=True) for c, d in zip(channels, widths))
        self.units = nn.ModuleList(ResidualUnit(d) for d in widths)
        self.ups = nn.ModuleList(conv1(c, f, bias=True) for f, c in zip(widths[:-1], widths[1:]))
        self.head = conv3(widths[0], head_channels, bias=True)
        self.log_depth = conv1(head_channels, 1, bias=True)
        nn.init.normal_(self.log_depth.weight, std=0.01)
        nn.init.constant_(self.log_depth.bias, math.log(4.0))
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5), persistent=False)
        self.register_buffer("std", torch.full((1, 3, 1, 1), 0.5), persistent=False)

    def encode(self, rgb: Tensor) -> list[Tensor]:
        """Five levels, fine to coarse, of frames (B, 3, h, w) in [0, 1]."""
        return self.encoder((rgb - self.mean) / self.std)

    def decode(self, levels: list[Tensor], coarsest: Tensor) -> list[Tensor]:
        """Five maps, fine to coarse, from the levels and what was made of the coarsest one."""
        maps = [self.units[-1](coarsest)]
        for k in range(len(levels) - 2, -1, -1):
            path = self.laterals[k](levels[k]) + resize(self.ups[k](maps[0]), levels[k].shape[-2:])
            maps.insert(0, self.units[k](path))
        return maps

    def set_drop_path(self, rate: float) -> None:
        """Stochastic depth (Huang et al. 2016): in training a residual block of the encoder is left out at random.

        Args:
            rate: probability at the last block; it grows evenly from 0 at the first. A block without a skip
                connection is never left out.
        """
        blocks = [block for block in self.encoder.modules() if hasattr(block, "drop_path")]
        for index, block in enumerate(blocks):
            if getattr(block, "has_skip", True):
                block.drop_path = DropPath(rate * index / len(blocks))

    def load_imagenet_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Load the encoder from the classifier of its name whose tensors stand in timm's order.

        Raises:
            ValueError: the number of tensors or a shape differs.
        """
        classifier = timm.create_model(self.encoder_name, pretrained=False).state_dict()
        if len(classifier) != len(state_dict):
            raise ValueError(f"expected {len(classifier)} tensors of {self.encoder_name}, got {len(state_dict)}")
        renamed = {}
        for (name, ours), (theirs_name, theirs) in zip(classifier.items(), state_dict.items()):
            if ours.shape != theirs.shape:
                raise ValueError(f"{theirs_name} is {tuple(theirs.shape)}, but {name} is {tuple(ours.shape)}")
            renamed[name] = theirs
        self.encoder.load_state_dict({name: renamed[name] for name in self.encoder.state_dict()})
