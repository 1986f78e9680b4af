# SPDX-License-Identifier: Apache-2.0
"""What the coarse branches on an EfficientNet-Lite share: loading, stochastic depth, and the unit of the decoder."""

import timm
import torch.nn.functional as F
from timm.layers import DropPath
from torch import Tensor, nn

from prv2_ros.model.layers import conv3


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
    """Base of a coarse branch with an EfficientNet-Lite as its `encoder`.

    Attributes:
        encoder_name: timm name of the encoder.
        encoder: five levels at strides 2 to 32.
    """

    encoder_name: str
    encoder: nn.Module

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
