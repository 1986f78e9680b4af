# SPDX-License-Identifier: Apache-2.0
"""Coarse-to-fine module: denoises the encoder's features from the coarsest level up (paper, section 3.3)."""

import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.gdu import GuidedDenoisingUnit
from prv2_ros.model.layers import conv1, conv3, resize


class FusionBlock(nn.Module):
    """One level of C2F: adds the denoised skip to the path, denoises the sum, resizes and projects it.

    Args:
        channels: F, the width of the path.
        coarse_channels: the width of this level's coarse feature.
        gate, norm: see `GuidedDenoisingUnit`.
        skip: False leaves out the unit of the skip. The published variants have it in every block, as the reference
            implementation, also where no skip enters: their parameter counts include the idle ones.
    """

    def __init__(self, channels: int, coarse_channels: int, *, gate: str, norm: str = "layer", skip: bool = True):
        super().__init__()
        self.skip_unit = GuidedDenoisingUnit(channels, coarse_channels, gate=gate, norm=norm) if skip else None
        self.path_unit = GuidedDenoisingUnit(channels, coarse_channels, gate=gate, norm=norm)
        self.project = conv1(channels, channels, bias=True)

    def forward(self, path: Tensor, skip: Tensor | None, coarse: Tensor, size: tuple[int, int]) -> Tensor:
        """Fuse one level.

        Args:
            path: (B, F, H, W), the path from the next coarser level, already at this level's size.
            skip: (B, F, H, W), this level's projected encoder feature, or None.
            coarse: (B, c, H, W), this level's coarse feature.
            size: (h, w) of the output.

        Returns:
            (B, F, h, w).
        """
        if skip is not None:
            path = path + self.skip_unit(skip, coarse)
        return self.project(resize(self.path_unit(path, coarse), size))


class CoarseToFine(nn.Module):
    """C2F.

    Args:
        encoder_channels: five widths, levels 1 to 5 (strides 2 to 32).
        coarse_channels: six widths, levels 0 to 5.
        width: F.
        gate, norm: see `GuidedDenoisingUnit`.
        idle_units: whether the coarsest block and the head's have a unit for a skip that never enters, as published.
        full_channels: width of a full-resolution map that the head adds, or None.
    """

    def __init__(
        self,
        *,
        encoder_channels: tuple[int, ...],
        coarse_channels: tuple[int, ...],
        width: int,
        gate: str,
        norm: str = "layer",
        idle_units: bool = True,
        full_channels: int | None = None,
    ):
        super().__init__()
        head_channels = coarse_channels[0]
        coarsest = len(encoder_channels) - 1
        self.projections = nn.ModuleList(conv3(c, width) for c in encoder_channels)
        self.blocks = nn.ModuleList(
            FusionBlock(width, c, gate=gate, norm=norm, skip=idle_units or k < coarsest)
            for k, c in enumerate(coarse_channels[1:])
        )
        self.head1 = conv3(width, width // 2, bias=True)
        self.head2 = conv3(width // 2, head_channels, bias=True)
        self.head_full = conv3(full_channels, head_channels) if full_channels else None
        self.head_block = FusionBlock(head_channels, head_channels, gate=gate, norm=norm, skip=idle_units)
        self.auxiliary = conv1(head_channels, 1, bias=True)
        nn.init.normal_(self.auxiliary.weight, mean=1.0, std=1.0)
        nn.init.zeros_(self.auxiliary.bias)

    def forward(
        self,
        levels: list[Tensor],
        coarse_features: list[Tensor],
        size: tuple[int, int],
        full: Tensor | None = None,
    ) -> tuple[list[Tensor], Tensor]:
        """Denoise the encoder's levels.

        Args:
            levels: five encoder maps, levels 1 to 5.
            coarse_features: six maps, levels 0 to 5; 1 to 5 of the encoder maps' sizes, 0 of `size`.
            size: (H, W), the full resolution.
            full: (B, full_channels, H, W), where the module was built for one.

        Returns:
            six maps for F2C, fine to coarse: level 0 as wide as coarse level 0, the others F; and
            the auxiliary prediction (B, 1, H, W) without activation: P2 in metres in the published variants.
        """
        skips = [project(level) for project, level in zip(self.projections, levels)]
        sizes = [size, *(tuple(skip.shape[-2:]) for skip in skips)]
        path = skips[-1]
        outputs = [path]
        for k in range(len(skips), 0, -1):
            skip = None if k == len(skips) else skips[k - 1]
            path = self.blocks[k - 1](path, skip, coarse_features[k], sizes[k - 1])
            outputs.insert(0, path)
        head = self.head2(self.head1(path))
        if self.head_full is not None:
            head = head + self.head_full(full)
        head = F.relu(head)
        # Path 1 feeds the head only: level 0 of the output is the head's own map.
        outputs[0] = self.head_block(head, None, coarse_features[0], size)
        return outputs, self.auxiliary(outputs[0])
