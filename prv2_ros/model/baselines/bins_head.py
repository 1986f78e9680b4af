# SPDX-License-Identifier: Apache-2.0
"""ZoeDepth's metric head: depth as the mean of bin centres that attractors move from level to level."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import conv1, resize

BINS = 64
SEED_HIDDEN = 256
EMBEDDING = 128
ATTRACTORS = (16, 8, 4, 1)  # levels 4 to 1
ATTRACTION = 300.0
TEMPERATURE = (0.0212, 50.0)
TINY_SHARE = 1e-4
TINY_COUNT = 1e-7


def mlp(in_channels: int, hidden: int, out_channels: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Two 1x1 convolutions with bias, and an activation between them."""
    return nn.Sequential(conv1(in_channels, hidden, bias=True), activation(), conv1(hidden, out_channels, bias=True))


class BinsHead(nn.Module):
    """Metric depth from six maps.

    Args:
        channels: six widths, fine to coarse.
    """

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.seed_bins = mlp(channels[5], SEED_HIDDEN, BINS)
        self.seed_embedding = mlp(channels[5], EMBEDDING, EMBEDDING)
        self.embeddings = nn.ModuleList(mlp(channels[k], EMBEDDING, EMBEDDING) for k in (4, 3, 2, 1))
        self.attractors = nn.ModuleList(mlp(EMBEDDING, EMBEDDING, n) for n in ATTRACTORS)
        joined = channels[0] + 1 + EMBEDDING
        self.distribution = mlp(joined, joined // 2, 4, nn.GELU)

    def forward(self, maps: list[Tensor], relative: Tensor | None = None) -> Tensor:
        """Depth.

        Args:
            maps: six maps (B, c_k, h_k, w_k), fine to coarse.
            relative: (B, 1, h_0, w_0), relative depth beside level 0; None is zeros.

        Returns:
            (B, 1, h_0, w_0), metres.
        """
        centres = F.softplus(self.seed_bins(maps[5]).float())
        embedding = self.seed_embedding(maps[5])
        for embed, attract, feature in zip(self.embeddings, self.attractors, maps[4:0:-1]):
            size = feature.shape[-2:]
            new = embed(feature)
            points = F.softplus(attract(new + resize(embedding, size)).float())
            centres = attracted(resize(centres, size), points)
            embedding = new
        size = maps[0].shape[-2:]
        relative = torch.zeros_like(maps[0][:, :1]) if relative is None else relative
        joined = torch.cat((maps[0], relative.to(maps[0].dtype), resize(embedding, size)), dim=1)
        q = F.softplus(self.distribution(joined).float()) + TINY_SHARE
        share = q[:, :1] / (q[:, :1] + q[:, 1:2])
        coolest, hottest = TEMPERATURE
        temperature = coolest + (hottest - coolest) * q[:, 2:3] / (q[:, 2:3] + q[:, 3:])
        weights = torch.softmax(log_binomial(share, BINS) / temperature, dim=1)
        return (weights * resize(centres, size)).sum(1, keepdim=True)


def attracted(centres: Tensor, points: Tensor) -> Tensor:
    """Bin centres (B, BINS, h, w) moved towards the attractors (B, n, h, w), by the mean of what each would move."""
    shift = torch.zeros_like(centres)
    for point in points.split(1, dim=1):
        distance = point - centres
        shift = shift + distance / (1 + ATTRACTION * distance.square())
    return centres + shift / points.shape[1]


def log_binomial(share: Tensor, bins: int) -> Tensor:
    """Log of the binomial distribution over `bins` outcomes, by Stirling's formula: (B, 1, h, w) to (B, bins, h, w)."""
    i = torch.arange(bins, dtype=share.dtype, device=share.device).view(1, -1, 1, 1)
    last = torch.tensor(float(bins - 1), dtype=share.dtype, device=share.device)
    n, j = last + TINY_COUNT, i + TINY_COUNT
    count = n * torch.log(n) - j * torch.log(j) - (n - j) * torch.log(n - j + TINY_COUNT)
    p, rest = share.clamp(TINY_SHARE, 1), (1 - share).clamp(TINY_SHARE, 1)
    return count + i * torch.log(p) + (last - i) * torch.log(rest)
