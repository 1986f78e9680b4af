# SPDX-License-Identifier: Apache-2.0
"""The U-Net encoder that PatchFusion and PRO run beside their features."""

import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import conv3


class DoubleConv(nn.Module):
    """conv3, BatchNorm, ReLU, twice, without bias: (B, in, H, W) to (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = conv3(in_channels, out_channels)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNetEncoder(nn.Module):
    """Six levels at strides 1 to 32.

    Args:
        in_channels: of the input at full size.
        channels: six widths, fine to coarse.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...]):
        super().__init__()
        self.levels = nn.ModuleList(DoubleConv(a, b) for a, b in zip((in_channels, *channels[:-1]), channels))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in, H, W) to six maps, fine to coarse, each half the size of the one before, rounded down."""
        maps = [self.levels[0](x)]
        for level in self.levels[1:]:
            maps.append(level(F.max_pool2d(maps[-1], 2)))
        return maps
