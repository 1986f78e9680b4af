# SPDX-License-Identifier: Apache-2.0
"""PRO (Kwon and Kim, 2025): one pass a tile; coarse and fine maps are joined by frequency, decoded by a DPT."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.baselines.unet_encoder import DoubleConv, UNetEncoder
from prv2_ros.model.layers import conv1, conv3, resize

HEAD_CHANNELS = 32
TINY = 1e-8


class WaveletFusion(nn.Module):
    """Joins two maps of C channels band by band.

    Args:
        channels: C.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.low = conv3(2 * channels, channels)
        self.details = nn.Conv2d(6 * channels, 3 * channels, 3, padding=1, groups=3, bias=False)  # LH, HL, HH

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, C, H, W) twice to (B, C, H, W)."""
        (low_c, details_c), (low_f, details_f) = haar_analysis(coarse), haar_analysis(fine)
        low = self.low(torch.cat((low_c, low_f), dim=1))
        details = self.details(torch.cat((details_c, details_f), dim=2).flatten(1, 2)).unflatten(1, (3, -1))
        return haar_synthesis(low, details, tuple(coarse.shape[-2:]))


class ResidualConvUnit(nn.Module):
    """x + conv3(ReLU(conv3(ReLU(x)))) with bias: (B, C, H, W) to the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv3(channels, channels, bias=True)
        self.conv2 = conv3(channels, channels, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class FusionBlock(nn.Module):
    """One level of the DPT decoder; `skip_unit` exists in every block, also where no skip enters.

    Args:
        channels: F.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.skip_unit = ResidualConvUnit(channels)
        self.path_unit = ResidualConvUnit(channels)
        self.project = conv1(channels, channels, bias=True)

    def forward(self, path: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Path and skip (B, F, H, W) to (B, F, *size)."""
        if skip is not None:
            path = path + self.skip_unit(skip)
        return self.project(resize(self.path_unit(path), size))


class Pro(FineRefiner):
    """Residual of tiles in the normalised unit of their frame, given back in the coarse map's own.

    The decoder is as wide as level 1 of the coarse features, and where levels 2 to 5 are not (never in the published
    networks), a 1x1 convolution brings them to that.
    """

    name = "pro"

    def __init__(self, *, fine: nn.Module, fine_channels: tuple[int, ...], coarse_channels: tuple[int, ...]):
        super().__init__(fine=fine, fine_channels=fine_channels, coarse_channels=coarse_channels)
        c = self.coarse_channels
        width = c[1]
        self.encoder = UNetEncoder(6, c)
        self.wavelets = nn.ModuleList(WaveletFusion(n) for n in c)
        self.merge = nn.ModuleList(DoubleConv(3 * n, n) for n in c)
        self.widen = nn.ModuleList(nn.Identity() if n == width else conv1(n, width, bias=True) for n in c[2:])
        self.blocks = nn.ModuleList(FusionBlock(width) for _ in range(4))  # of levels 2 to 5
        self.head1 = conv3(2 * width, width // 2, bias=True)
        self.head2 = conv3(width // 2 + c[0], HEAD_CHANNELS, bias=True)
        self.residual = conv1(HEAD_CHANNELS, 1)

    def zero_residual(self) -> None:
        """Let the residual begin at 0."""
        nn.init.zeros_(self.residual.weight)

    def frame_inputs(self, depth: Tensor, features: list[Tensor]) -> dict[str, Any]:
        """Centre and scale of the frame's coarse map."""
        center, scale = centre_and_scale(depth)
        return {"center": center, "scale": scale}

    def forward(
        self,
        rgb: Tensor,
        coarse_depth: Tensor,
        coarse_features: list[Tensor],
        *,
        center: Tensor | float,
        scale: Tensor | float,
    ) -> Tensor:
        """s * r, so that roi(D_c) + s * r = m + s * D.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
            coarse_depth: (B, 1, H, W), roi of the coarse map, in its own unit.
            coarse_features: six rois of the coarse features, fine to coarse.
            center, scale: m and s of the whole coarse map, one for all tiles or one each, (B,).

        Returns:
            (B, 1, H, W), in the coarse map's unit.

        Raises:
            ValueError: a size or a channel count does not fit.
        """
        self.check(rgb, coarse_depth, coarse_features)
        center, scale = (torch.as_tensor(v).to(coarse_depth).reshape(-1, 1, 1, 1) for v in (center, scale))
        fine_depth, fine = self.fine(rgb)
        maps = self.fuse(rgb, (coarse_depth - center) / scale, coarse_depth, fine_depth.to(rgb), coarse_features, fine)
        return scale * self.decode(maps, tuple(rgb.shape[-2:]))

    def fuse(
        self,
        rgb: Tensor,
        normalised: Tensor,
        coarse_depth: Tensor,
        fine_depth: Tensor,
        coarse: list[Tensor],
        fine: list[Tensor],
    ) -> list[Tensor]:
        """Six joined maps h_k, fine to coarse, of the coarse maps' sizes."""
        inputs = (normalised, min_max(coarse_depth), min_max(fine_depth), rgb)
        encoded = self.sized_as(coarse, self.encoder(torch.cat(inputs, dim=1)))
        fine = self.sized_as(coarse, fine)
        return [
            merge(torch.cat((r, e, wavelet(r, f)), dim=1))
            for merge, wavelet, r, e, f in zip(self.merge, self.wavelets, coarse, encoded, fine, strict=True)
        ]

    def decode(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Residual r (B, 1, *size) from the six joined maps."""
        maps = [*maps[:2], *(widen(m) for widen, m in zip(self.widen, maps[2:], strict=True))]
        path, skip = maps[5], None
        for k in (4, 3, 2):
            path = self.blocks[k - 1](path, skip, tuple(maps[k].shape[-2:]))
            skip = maps[k]
        path = self.blocks[0](path, skip, (2 * path.shape[-2], 2 * path.shape[-1]))
        path = self.head1(torch.cat((resize(path, maps[1].shape[-2:]), maps[1]), dim=1))
        path = torch.cat((resize(path, size), resize(maps[0], size)), dim=1)
        return self.residual(F.relu(self.head2(path))).float()


def centre_and_scale(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Median (of an even count the lower one) and mean absolute deviation from it: (B, 1, h, w) to (B,) each."""
    flat = depth.flatten(1)
    median = flat.median(dim=1).values
    return median, (flat - median[:, None]).abs().mean(dim=1).clamp(min=TINY)


def min_max(x: Tensor) -> Tensor:
    """Each map of (B, 1, H, W) to [0, 1] by its own extremes."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low + TINY)


def haar_analysis(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level of analysis; odd sides are padded with zeros right and below.

    Args:
        x: (B, C, H, W).

    Returns:
        LL (B, C, h, w) and the details LH, HL, HH (B, 3, C, h, w), h and w half of the sides, rounded up.
    """
    x = F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    details = torch.stack((a + b - c - d, a - b + c - d, a - b - c + d), dim=1)
    return (a + b + c + d) / 2, details / 2


def haar_synthesis(low: Tensor, details: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `haar_analysis`, cut to `size`: (B, C, H, W)."""
    lh, hl, hh = details.unbind(1)
    blocks = torch.stack((low + lh + hl + hh, low + lh - hl - hh, low - lh + hl - hh, low - lh - hl + hh), dim=2) / 2
    x = F.pixel_shuffle(blocks.flatten(1, 2), 2)
    return x[..., : size[0], : size[1]]
