# SPDX-License-Identifier: Apache-2.0
"""The scale-equivariant refiner: PatchRefiner V2's modules on log depth, beside any source of coarse depth."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.c2f import CoarseToFine
from prv2_ros.model.encoder import LightweightEncoder
from prv2_ros.model.f2c import FineToCoarse
from prv2_ros.model.refiner import STRIDE, check_tiles

NEAREST_M = 0.01  # coarse depth below it counts as it: the logarithm of 0 is none
LARGEST_RESIDUAL = 4.0  # of log depth, a factor of 55
# How far beyond the farthest coarse depth of its tile a pixel may go. A wire may be far in front of the sky, but what
# is behind everything is a guess: without this limit skies of real frames came out at 30 km.
FARTHEST = 2.0


class CoarseDepthPyramid(nn.Module):
    """Six coarse features of a tile from its coarse depth alone, in place of a coarse network's own maps.

    Args:
        channels: six widths, fine to coarse, at strides 1 to 32.
    """

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.channels = tuple(channels)
        widths = (1, *channels)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if k == 0 else 2, padding=1, bias=False)
            for k, (a, b) in enumerate(zip(widths, channels))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in channels)

    def forward(self, relative: Tensor) -> list[Tensor]:
        """(B, 1, H, W) relative log depth to six maps (B, channels[k], H / 2^k, W / 2^k)."""
        features, x = [], relative
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
            features.append(x)
        return features


class LogDepthRefiner(nn.Module):
    """Predicts the residual of log depth: D = D_c * exp(r).

    The network sees log depth less its mean over the tile, so a desk at 0.5 m and a street at 50 m look alike, and
    refining commutes with a change of scale. Depth stays positive. Its coarse features come from the coarse depth
    itself, so one set of weights serves any coarse network or depth camera.

    Args:
        encoder: the lightweight encoder; its fourth channel is the relative log depth.
        pyramid: makes the coarse features that gate C2F and enter F2C.
        c2f: the denoising module, built with a full-resolution input of four channels.
        f2c: the injection module.

    Attributes:
        coarse_channels: empty: no feature of a coarse network is read.
    """

    coarse_channels: tuple[int, ...] = ()

    def __init__(
        self, *, encoder: LightweightEncoder, pyramid: CoarseDepthPyramid, c2f: CoarseToFine, f2c: FineToCoarse
    ):
        super().__init__()
        self.encoder = encoder
        self.pyramid = pyramid
        self.c2f = c2f
        self.f2c = f2c
        nn.init.normal_(self.c2f.auxiliary.weight, std=0.01)
        nn.init.normal_(self.f2c.residual.weight, std=0.01)

    def forward(self, rgb: Tensor, relative: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals of log depth.

        Args:
            rgb: (B, 3, H, W) in [0, 1]; H and W are multiples of 32.
            relative: (B, 1, H, W), log coarse depth less its mean over the tile.

        Returns:
            r and C2F's own prediction of it, each (B, 1, H, W).

        Raises:
            ValueError: a size does not fit.
        """
        check_tiles(rgb, relative, STRIDE)
        coarse, size = self.pyramid(relative), tuple(rgb.shape[-2:])
        fine, auxiliary = self.c2f(self.encoder(rgb, relative), coarse, size, torch.cat((rgb - 0.5, relative), dim=1))
        return self.f2c(fine, coarse, relative, relative + auxiliary), auxiliary

    def refine(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor] | None = None) -> Tensor:
        """Refined depth of tiles.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
            coarse_depth: (B, 1, H, W) metres.
            coarse_features: not read.

        Returns:
            (B, 1, H, W) float32 metres, above 0, at most `FARTHEST` times the largest coarse depth of the tile.
        """
        log_depth, relative = relative_log_depth(coarse_depth)
        residual, _ = self(rgb, relative)
        refined = torch.exp(log_depth + residual.float().clamp(-LARGEST_RESIDUAL, LARGEST_RESIDUAL))
        return torch.minimum(refined, FARTHEST * torch.exp(log_depth.amax((2, 3), keepdim=True)))


def relative_log_depth(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Log depth of (B, 1, H, W) metres, and the same less its mean over each tile; both float32."""
    log_depth = torch.log(depth.float().clamp(min=NEAREST_M))
    return log_depth, log_depth - log_depth.mean((2, 3), keepdim=True)
