# SPDX-License-Identifier: Apache-2.0
"""Our own light coarse branch: EfficientNet-Lite0 with a DPT-like decoder, for CPUs and small computers."""

import math

import timm
import torch
import torch.nn.functional as F
from timm.layers import DropPath
from torch import Tensor, nn

from prv2_ros.model.layers import conv1, conv3, resize

ENCODER = "tf_efficientnet_lite0"
DECODER_CHANNELS = (32, 48, 64, 80, 96)  # at internal strides 2, 4, 8, 16, 32: capacity where pixels are few
HEAD_CHANNELS = 16
COARSEST_STRIDE = 32
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


class SmallCoarse(nn.Module):
    """Metric depth in a canonical camera, from the whole frame at a share of the process size.

    The frame arrives at the process size and is made smaller inside: at half of 384x512 the network sees 192x256,
    which is what it must have been trained at. Its depth is metric for the canonical focal length that stands in
    the weights file.

    Args:
        share: of the process size's height and width; the tensors are the same for all.
        again: share of a second, mirrored look at the frame; None for one look. The two err differently in scale and
            layout, which are averaged; edges stay the first look's, for two pictures of an edge make a soft one.
    """

    channels = (HEAD_CHANNELS, *DECODER_CHANNELS)

    def __init__(self, share: float = 0.5, again: float | None = None):
        super().__init__()
        self.share, self.again = share, again
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
        with torch.autocast(rgb.device.type, enabled=False):
            log_depth, features = self.forward_internal(resize(rgb.float(), self.internal_size((height, width))))
            if self.again is not None:
                log_depth = log_depth + 0.5 * self._what_another_look_adds(rgb.float(), log_depth)
        depth = torch.exp(log_depth.clamp(*LOG_DEPTH_RANGE))
        return resize(depth, (height, width)), features

    def _what_another_look_adds(self, rgb: Tensor, first: Tensor) -> Tensor:
        """Log depth of the mirrored frame (B, 3, H, W) at the share `again` less `first` (B, 1, h, w), in cells."""
        # int: while torch traces for ONNX, sizes are tensors
        size = (int(first.shape[-2]), int(first.shape[-1]))
        half = COARSEST_STRIDE // 2
        seen = tuple(half * max(1, round(int(side) * self.again / half)) for side in rgb.shape[-2:])
        second = resize(self.forward_internal(resize(rgb.flip(-1), seen))[0], size).flip(-1)
        # A frame of more pixels has a longer focal length in pixels, and looks nearer by as much.
        second = second + 0.5 * math.log(seen[0] / size[0] * seen[1] / size[1])
        cell = tuple(min(COARSEST_STRIDE, side) for side in size)
        return resize(F.avg_pool2d(second - first, cell, ceil_mode=True, count_include_pad=False), size)

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
        """Load the encoder from an EfficientNet-Lite0 classifier whose tensors stand in timm's order.

        Raises:
            ValueError: the number of tensors or a shape differs.
        """
        classifier = timm.create_model(ENCODER, pretrained=False).state_dict()
        if len(classifier) != len(state_dict):
            raise ValueError(f"expected {len(classifier)} tensors of {ENCODER}, got {len(state_dict)}")
        renamed = {}
        for (name, ours), (theirs_name, theirs) in zip(classifier.items(), state_dict.items()):
            if ours.shape != theirs.shape:
                raise ValueError(f"{theirs_name} is {tuple(theirs.shape)}, but {name} is {tuple(ours.shape)}")
            renamed[name] = theirs
        wanted = self.encoder.state_dict()
        self.encoder.load_state_dict({name: renamed[name] for name in wanted})
