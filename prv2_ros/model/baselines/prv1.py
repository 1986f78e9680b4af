# SPDX-License-Identifier: Apache-2.0
"""PatchRefiner V1: a second depth network on every tile, joined to the coarse one by F2C."""

from torch import Tensor, nn

from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.f2c import FineToCoarse
from prv2_ros.model.layers import resize


class PatchRefinerV1(FineRefiner):
    """Residual depth of tiles; F2C is as wide as the coarse features."""

    name = "prv1"
    joins_widths = False

    def __init__(self, *, fine: nn.Module, fine_channels: tuple[int, ...], coarse_channels: tuple[int, ...]):
        super().__init__(fine=fine, fine_channels=fine_channels, coarse_channels=coarse_channels)
        self.f2c = FineToCoarse(
            fine_channels=fine_channels,
            coarse_channels=coarse_channels,
            widths=coarse_channels,
            decoder_widths=coarse_channels[:-1],
        )

    def forward(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        """Residual depth D_r.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
            coarse_depth: (B, 1, H, W), roi of the coarse depth, metres.
            coarse_features: six rois of the coarse features, fine to coarse; resized to the fine network's.

        Returns:
            (B, 1, H, W), metres.

        Raises:
            ValueError: a size or a channel count does not fit.
        """
        self.check(rgb, coarse_depth, coarse_features)
        fine_depth, fine = self.fine(rgb)
        fine = [resize(fine[0], rgb.shape[-2:]), *fine[1:]]  # the residual comes at the size of level 0
        return self.f2c(fine, self.sized_as(fine, coarse_features), coarse_depth, fine_depth)
