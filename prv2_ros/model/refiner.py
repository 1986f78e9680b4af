# SPDX-License-Identifier: Apache-2.0
"""The refiner branch: encoder, C2F and F2C joined as in the paper's figure 3."""

from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.model.c2f import CoarseToFine
from prv2_ros.model.encoder import LightweightEncoder
from prv2_ros.model.f2c import FineToCoarse
from prv2_ros.model.layers import resize
from prv2_ros.model.traits import TileTraits

STRIDE = 32  # of the encoder's coarsest level


def check_tiles(rgb: Tensor, coarse_depth: Tensor, multiple: int) -> None:
    """Raise a ValueError where tiles (B, 3, H, W) are of no such size, or their coarse depth is not (B, 1, H, W)."""
    height, width = rgb.shape[-2:]
    if height % multiple or width % multiple:
        raise ValueError(f"tile size {height}x{width} is not a multiple of {multiple}")
    expected = (rgb.shape[0], 1, height, width)
    if tuple(coarse_depth.shape) != expected:
        raise ValueError(f"coarse depth is {tuple(coarse_depth.shape)}, expected {expected}")


class ResidualRefiner(nn.Module):
    """A module whose `forward(rgb, coarse_depth, coarse_features)` gives the residual depth D_r of tiles, metres.

    Attributes:
        traits: what tiling has to know.
        coarse_channels: six widths of the coarse features, fine to coarse.
    """

    traits = TileTraits()
    coarse_channels: tuple[int, ...]

    def check(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> None:
        """Raise a ValueError that names what does not fit."""
        check_tiles(rgb, coarse_depth, self.traits.size_multiple)
        channels = tuple(feature.shape[1] for feature in coarse_features)
        if channels != self.coarse_channels:
            raise ValueError(
                f"coarse features have {channels} channels, fine to coarse; this refiner was built for "
                f"{self.coarse_channels}"
            )

    def refine(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor], **inputs: Any) -> Tensor:
        """Refined depth of tiles: clamp(D_c + D_r, min=0), (B, 1, H, W) float32 metres; arguments as `forward`."""
        residual = self(rgb, coarse_depth, coarse_features, **inputs)
        return (coarse_depth.float() + residual.float()).clamp(min=0)

    def forward_with_auxiliary(
        self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor], **inputs: Any
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, with a further depth (B, 1, H, W) that the module gives; zeros where it gives none."""
        return self(rgb, coarse_depth, coarse_features, **inputs), torch.zeros_like(coarse_depth)

    def zero_residual(self) -> None:
        """Let the residual begin at 0.

        Raises:
            ValueError: it is not the output of one last layer.
        """
        if not hasattr(self, "f2c"):
            raise ValueError(f"{type(self).__name__} has no last layer that could be set to zero")
        nn.init.zeros_(self.f2c.residual.weight)


class Refiner(ResidualRefiner):
    """Predicts the residual depth of tiles.

    Args:
        encoder: the lightweight encoder.
        c2f: the denoising module, or None for the F2C-only ablation.
        f2c: the injection module.
        coarse_channels: six widths of the coarse features, fine to coarse.
    """

    def __init__(
        self,
        *,
        encoder: LightweightEncoder,
        c2f: CoarseToFine | None,
        f2c: FineToCoarse,
        coarse_channels: tuple[int, ...],
    ):
        super().__init__()
        self.encoder = encoder
        self.c2f = c2f
        self.f2c = f2c
        self.coarse_channels = tuple(coarse_channels)

    def forward(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        """Residual depth of tiles.

        Args:
            rgb: (B, 3, H, W) in [0, 1]; H and W are multiples of 32.
            coarse_depth: (B, 1, H, W), roi of the coarse depth, metres.
            coarse_features: six rois of the coarse features, fine to coarse; level k is
                (B, c_k, H / 2^k, W / 2^k), other sizes are resized to that.

        Returns:
            D_r (B, 1, H, W), metres.

        Raises:
            ValueError: a size or a channel count does not fit.
        """
        return self.forward_with_auxiliary(rgb, coarse_depth, coarse_features)[0]

    def forward_with_auxiliary(
        self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, but also gives C2F's own depth P2 (B, 1, H, W); zeros without C2F."""
        self.check(rgb, coarse_depth, coarse_features)
        size = rgb.shape[-2:]
        levels = self.encoder(rgb, coarse_depth)
        sizes = [size, *(level.shape[-2:] for level in levels)]
        coarse = [resize(feature, level_size) for feature, level_size in zip(coarse_features, sizes)]
        if self.c2f is None:
            fine, auxiliary = [resize(levels[0], size), *levels], torch.zeros_like(coarse_depth)
        else:
            fine, auxiliary = self.c2f(levels, coarse, size)
        return self.f2c(fine, coarse, coarse_depth, auxiliary), auxiliary
