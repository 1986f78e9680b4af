# SPDX-License-Identifier: Apache-2.0
"""A 3x3 convolution of a bilinearly enlarged map, computed at the small map's own resolution.

Enlarging is linear in space and the convolution's channel mixing is linear in channels, so they
commute: the nine taps become nine 1x1 products of the small map, and what remains is one fixed
linear operator, "enlarge, shift by the tap, add", with zero padding at the border of the large map.
It is separable, and banded: each block of output rows needs few source rows. So it runs as two
batched matrix products. The result equals the plain computation up to rounding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prv2_ros.engine.fast.convolution import Convolution
from prv2_ros.tiling.grid import Box

CHUNK = 64  # output channels at a time, so that the products stay in the cache
BLOCK = 16  # output rows (columns) that share their source rows; larger wastes products on zeros


@dataclass(frozen=True)
class Taps:
    """One axis of the operator.

    Attributes:
        index: (blocks, L) source positions of each block of outputs.
        matrix: (blocks, R, L * 3) weights of output r of a block for (source position, tap), taps fastest.
        size: number of outputs; the last block may reach beyond it.
    """

    index: Tensor
    matrix: Tensor
    size: int


def aligned_positions(source: int, target: int) -> Tensor:
    """Source coordinates of the outputs of a bilinear resize with aligned corners."""
    if target == 1:
        return torch.zeros(1, dtype=torch.float64)
    return torch.arange(target, dtype=torch.float64) * (source - 1) / (target - 1)


def roi_positions(start: float, length: float, size: int) -> Tensor:
    """Source coordinates of roi(.) along one axis: a box in fractions of the map, enlarged to the map's own size."""
    centres = (start + length * (torch.arange(size, dtype=torch.float64) + 0.5) / size) * size - 0.5
    return centres.clamp(0, size - 1)


def make_taps(positions: Tensor, source: int, *, device: torch.device, dtype: torch.dtype = torch.float32) -> Taps:
    """Build one axis of the operator from where each output lies among `source` positions."""
    size = len(positions)
    block = min(BLOCK, size)
    low = positions.floor().clamp(max=max(source - 2, 0)).long()
    high = (low + 1).clamp(max=source - 1)
    weight = positions - low
    blocks = -(-size // block)
    starts, ends = [], []
    for b in range(blocks):
        first, last = max(b * block - 1, 0), min((b + 1) * block, size - 1)
        starts.append(int(low[first]))
        ends.append(int(high[last]))
    length = max(end - start for start, end in zip(starts, ends)) + 1
    matrix = torch.zeros(blocks, block, length, 3, dtype=torch.float64)
    for b, start in enumerate(starts):
        for tap in range(3):
            outputs = torch.arange(b * block, (b + 1) * block)
            sampled = outputs + tap - 1
            inside = (sampled >= 0) & (sampled < size) & (outputs < size)
            rows, sampled = torch.nonzero(inside)[:, 0], sampled[inside]
            matrix[b, rows, low[sampled] - start, tap] += 1 - weight[sampled]
            matrix[b, rows, high[sampled] - start, tap] += weight[sampled]
    index = (torch.tensor(starts)[:, None] + torch.arange(length)).clamp(max=source - 1)
    return Taps(index.to(device), matrix.flatten(2).to(device, dtype), size)


def roi_taps(box: Box, height: int, width: int, *, device: torch.device) -> tuple[Taps, Taps]:
    """Both axes of roi(.) of a box of an (height, width) map."""
    return (
        make_taps(roi_positions(box.y, box.height, height), height, device=device),
        make_taps(roi_positions(box.x, box.width, width), width, device=device),
    )


class ResampledConv:
    """conv3x3(enlarge(x)) without bias, for one weight and any enlargement.

    Args:
        weight: (O, C, 3, 3).
        dtype: of the nine products; what follows them is float32 in any case.
    """

    def __init__(self, weight: Tensor, *, dtype: torch.dtype = torch.float32):
        channels = weight.shape[1]
        self._sizes = [len(chunk) for chunk in weight.split(CHUNK)]
        # For each chunk of outputs and each vertical tap: 1x1 products for the three horizontal taps.
        self._products = [
            [
                Convolution(chunk[:, :, tap].permute(2, 0, 1).reshape(-1, channels, 1, 1), dtype=dtype)
                for tap in range(3)
            ]
            for chunk in weight.split(CHUNK)
        ]

    def __call__(self, x: Tensor, rows: Taps, columns: Taps) -> Tensor:
        """Convolve.

        Args:
            x: (1, C, h, w), the small map, in channels_last and the constructor's dtype.
            rows, columns: the enlargement.

        Returns:
            (1, O, rows.size, columns.size), channels_last, of the dtype of x.
        """
        # Only the part of the map under the output is needed: a tile's box is a fraction of it.
        top, left = int(rows.index[0, 0]), int(columns.index[0, 0])
        bottom, right = int(rows.index[-1, -1]) + 1, int(columns.index[-1, -1]) + 1
        small = x[:, :, top:bottom, left:right].contiguous(memory_format=torch.channels_last)
        result = torch.empty(rows.size, columns.size, sum(self._sizes), dtype=x.dtype, device=x.device)
        start = 0
        for size, products in zip(self._sizes, self._products):
            taps = torch.stack([product(small)[0].permute(1, 2, 0) for product in products], dim=1)
            result[..., start : start + size] = _spread(taps.float(), rows, columns, top, left)
            start += size
        return result.permute(2, 0, 1)[None]


def _spread(products: Tensor, rows: Taps, columns: Taps, top: int, left: int) -> Tensor:
    """Enlarge, shift and add: products (h, 3, w, 3 * O) to (rows.size, columns.size, O)."""
    width, channels = products.shape[2], products.shape[3] // 3
    blocks, block, depth = rows.matrix.shape
    source = products[rows.index - top].reshape(blocks, depth, width * 3 * channels)
    vertical = torch.matmul(rows.matrix, source)  # (blocks, R, w * 3 * O)
    vertical = vertical.reshape(blocks * block, width, 3, channels)[: rows.size]
    blocks, block, depth = columns.matrix.shape
    source = vertical[:, columns.index - left].reshape(rows.size, blocks, depth, channels)
    result = torch.matmul(columns.matrix, source)  # (H, blocks, R, O)
    return result.reshape(rows.size, blocks * block, channels)[:, : columns.size]
