# SPDX-License-Identifier: Apache-2.0
"""Swin blocks on one whole-frame map: PatchFusion's global-to-local module (G2L)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import conv1

WINDOW = 12
SHIFT = WINDOW // 2
MASKED = -100.0  # added to the attention between tokens that only the roll has brought together
MLP_RATIO = 4


class WindowAttention(nn.Module):
    """Multi-head attention inside windows, with a learnt bias for each offset of query and key.

    Args:
        channels: C.
        heads: divides C.
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        rows, columns = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
        dy, dx = (p.flatten()[:, None] - p.flatten()[None] + WINDOW - 1 for p in (rows, columns))
        self.register_buffer("bias_index", dy * (2 * WINDOW - 1) + dx, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: (windows, tokens, C).
            mask: (windows, tokens, tokens), added to the attention; or None.

        Returns:
            (windows, tokens, C).
        """
        windows, tokens, channels = x.shape
        q, k, v = self.qkv(x).view(windows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.bias_table[self.bias_index.flatten()].view(tokens, tokens, self.heads).permute(2, 0, 1)[None]
        bias = bias if mask is None else bias + mask[:, None]
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.proj(x.transpose(1, 2).reshape(windows, tokens, channels))


class SwinBlock(nn.Module):
    """x += attention(LN(x)); x += MLP(LN(x)).

    Args:
        channels: C.
        heads: divides C.
        shifted: the windows lie half a window further down and right.
    """

    def __init__(self, channels: int, heads: int, *, shifted: bool):
        super().__init__()
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the same shape."""
        x = x + self._attend(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    def _attend(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        # Padding comes after the norm, so that its tokens are zeros; they attend like any other.
        x = F.pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
        size = x.shape[1:3]
        if self.shifted:
            x = x.roll((-SHIFT, -SHIFT), (1, 2))
        mask = shift_mask(size, x.device).repeat(x.shape[0], 1, 1) if self.shifted else None
        x = merge_windows(self.attention(split_windows(x), mask), x.shape)
        if self.shifted:
            x = x.roll((SHIFT, SHIFT), (1, 2))
        return x[:, :height, :width]


def split_windows(x: Tensor) -> Tensor:
    """(B, H, W, C) to (B * windows, WINDOW^2, C) in reading order; sides are multiples of WINDOW."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, WINDOW * WINDOW, channels)


def merge_windows(x: Tensor, shape: torch.Size) -> Tensor:
    """What `split_windows` split, together again as (B, H, W, C)."""
    batch, height, width, channels = shape
    x = x.view(batch, height // WINDOW, width // WINDOW, WINDOW, WINDOW, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(shape)


def shift_mask(size: tuple[int, int], device: torch.device) -> Tensor:
    """(windows, tokens, tokens): 0 between tokens of one region of the rolled map, MASKED between others."""

    def regions(length: int) -> Tensor:
        at = torch.arange(length, device=device)
        return (at >= length - WINDOW).int() + (at >= length - SHIFT).int()

    region = 3 * regions(size[0])[:, None] + regions(size[1])[None, :]
    region = split_windows(region[None, ..., None].float())[..., 0]
    return MASKED * (region[:, :, None] != region[:, None, :]).float()


class GlobalToLocal(nn.Module):
    """G2L of one level: position table, Swin blocks, norm.

    Args:
        channels: C.
        size: (h, w) of the map, which the position table is for.
        blocks: how many.
        heads: divides C.
    """

    def __init__(self, channels: int, size: tuple[int, int], *, blocks: int, heads: int):
        super().__init__()
        self.size = tuple(size)
        self.position = nn.Parameter(torch.zeros(1, size[0] * size[1], channels))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.ModuleList(SwinBlock(channels, heads, shifted=bool(i % 2)) for i in range(blocks))
        self.norm = nn.LayerNorm(channels)
        self.unused = conv1(1, channels, bias=True)  # the reference has it, and the published counts include it

    def forward(self, feature: Tensor) -> Tensor:
        """(1, C, h, w) to the same shape.

        Raises:
            ValueError: the map is of another size than the position table.
        """
        if tuple(feature.shape[-2:]) != self.size:
            raise ValueError(
                f"the whole coarse map is {tuple(feature.shape[-2:])}, the position table is for {self.size}: "
                "build the refiner with feature_sizes of this coarse branch and process size"
            )
        x = feature.permute(0, 2, 3, 1)
        x = x + self.position.view(1, *self.size, -1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x).permute(0, 3, 1, 2)
