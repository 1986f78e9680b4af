# SPDX-License-Identifier: Apache-2.0
"""What the refiners with a depth network of their own for tiles share."""

from typing import Any

from torch import Tensor, nn

from prv2_ros.model.layers import resize
from prv2_ros.model.refiner import ResidualRefiner
from prv2_ros.model.traits import TileTraits


class FineRefiner(ResidualRefiner):
    """A refiner around a fine network.

    Attributes:
        name: among `BASELINES`.
        feature_sizes: six (h, w) of the whole coarse maps, where it has tables of that size, or None.
        traits: what tiling has to know.
        joins_widths: whether the features of both branches must have the same widths.

    Args:
        fine: depth network of a tile: rgb (B, 3, H, W) in [0, 1] gives depth (B, 1, H, W) and six features.
        fine_channels: six widths of its features, fine to coarse.
        coarse_channels: six widths of the coarse features, fine to coarse.

    Raises:
        ValueError: the widths of both branches differ, where the refiner joins them level by level.
    """

    name: str
    feature_sizes: tuple[tuple[int, int], ...] | None = None
    traits = TileTraits(size_multiple=1, keeps_feature_sizes=True)

    joins_widths = True

    def __init__(self, *, fine: nn.Module, fine_channels: tuple[int, ...], coarse_channels: tuple[int, ...]):
        super().__init__()
        self.fine = fine
        self.coarse_channels = c = tuple(coarse_channels)
        if self.joins_widths and tuple(fine_channels) != c:
            raise ValueError(f"fine features have {tuple(fine_channels)} channels, coarse ones {c}: they must agree")

    def frame_inputs(self, depth: Tensor, features: list[Tensor]) -> dict[str, Any]:
        """Further arguments of `forward` that are the same for all tiles of a frame.

        Args:
            depth: (1, 1, h, w), the whole frame's coarse depth.
            features: six whole coarse maps (1, C_k, h_k, w_k), fine to coarse.
        """
        return {}

    @staticmethod
    def sized_as(maps: list[Tensor], others: list[Tensor]) -> list[Tensor]:
        """The other maps, level by level at these maps' sizes."""
        return [resize(other, m.shape[-2:]) for m, other in zip(maps, others, strict=True)]
