# SPDX-License-Identifier: Apache-2.0
"""Lightweight encoder of the refiner branch: a timm backbone whose fourth input is the coarse depth (section 3.2)."""

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LightweightEncoder(nn.Module):
    """Five levels at strides 2, 4, 8, 16, 32 of an RGB-D tile.

    Args:
        timm_name: a timm architecture that supports `features_only`.
        mean: per-channel mean of the backbone's RGB normalisation.
        std: per-channel standard deviation of it.
        stride2_channels: for a backbone whose stem has stride 4 (ConvNeXt), the width of a
            stride-2 level that a transposed convolution makes from its stride-4 map.

    Attributes:
        channels: the width of each of the five levels, fine to coarse.
    """

    def __init__(
        self,
        timm_name: str,
        *,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        stride2_channels: int | None = None,
    ):
        super().__init__()
        self.backbone = timm.create_model(timm_name, pretrained=False, features_only=True, in_chans=4)
        channels = tuple(self.backbone.feature_info.channels())
        self.stride2 = None
        if stride2_channels is not None:
            self.stride2 = nn.ConvTranspose2d(channels[0], stride2_channels, kernel_size=2, stride=2)
            channels = (stride2_channels, *channels)
        self.channels = channels
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def stem(self) -> nn.Conv2d:
        """The convolution that sees the four input channels."""
        return self.backbone.conv_stem if hasattr(self.backbone, "conv_stem") else self.backbone.stem_0

    @torch.no_grad()
    def clear_depth_channel(self) -> None:
        """Zero the stem's weights of the depth channel, as an RGB stem that was widened starts."""
        self.stem.weight[:, 3:].zero_()

    def load_rgb_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Load a pretrained three-channel backbone of the same architecture; the depth channel's weights become zero.

        Raises:
            RuntimeError: a name or shape does not fit (torch's own message lists them).
        """
        stem = next(name for name, value in self.backbone.state_dict().items() if value.ndim == 4)
        widened = dict(state_dict)
        widened[stem] = F.pad(state_dict[stem], (0, 0, 0, 0, 0, 1))
        self.backbone.load_state_dict(widened)

    def forward(self, rgb: Tensor, coarse_depth: Tensor) -> list[Tensor]:
        """Encode tiles.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
            coarse_depth: (B, 1, H, W) in metres, as it is.

        Returns:
            five maps, fine to coarse, (B, channels[k], H / 2^(k+1), W / 2^(k+1)).
        """
        levels = self.backbone(torch.cat(((rgb - self.mean) / self.std, coarse_depth), dim=1))
        if self.stride2 is not None:
            levels = [F.relu(self.stride2(levels[0])), *levels]
        return levels
