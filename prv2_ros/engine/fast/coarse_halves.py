# SPDX-License-Identifier: Apache-2.0
"""The coarse halves of the convolutions over cat(refiner, coarse), for one tile from the whole frame's maps."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.engine.fast.convolution import Convolution
from prv2_ros.engine.fast.resampled_conv import ResampledConv, Taps, roi_taps
from prv2_ros.tiling.grid import Box
from prv2_ros.tiling.roi import crop_coarse

# Below this width of the coarse map the plain convolution was measured faster.
MIN_CHANNELS = 96


class CoarseHalves:
    """The coarse halves of every convolution that sees one level's coarse feature.

    Args:
        weights: their weights (O_i, C_k, 3, 3).
        dtype: of the products.
    """

    def __init__(self, weights: list[Tensor], *, dtype: torch.dtype = torch.float32):
        self._sizes = [len(weight) for weight in weights]
        weight = torch.cat([w.detach() for w in weights])
        self._dtype = dtype
        self._resampled = ResampledConv(weight, dtype=dtype) if weight.shape[1] >= MIN_CHANNELS else None
        self._plain = Convolution(weight, dtype=dtype) if self._resampled is None else None

    def __call__(self, feature: Tensor, box: Box) -> list[Tensor]:
        """(1, O_i, h, w) of each convolution, for a tile of the whole frame's feature (1, C, h, w)."""
        if self._resampled is None:
            halves = self._plain(roi(feature, box).to(self._dtype))
        else:
            taps = _roi_taps(box, *feature.shape[-2:], feature.device)
            halves = self._resampled(feature.to(self._dtype), *taps)
        return list(halves.split(self._sizes, dim=1))


def roi(feature: Tensor, box: Box) -> Tensor:
    """roi(.) of one box: (1, C, h, w) to the same shape, channels_last.

    Where the box covers whole pixels of the map, enlarging it with a border of one pixel and cutting the border off
    is the same as RoIAlign, and faster.
    """
    height, width = feature.shape[-2:]
    spans = [_whole_pixels(box.y, box.height, height), _whole_pixels(box.x, box.width, width)]
    if None in spans:
        return crop_coarse(feature, [box]).contiguous(memory_format=torch.channels_last)
    (top, bottom, cut_top), (left, right, cut_left) = spans
    scale = (round(1 / box.height), round(1 / box.width))
    enlarged = F.interpolate(
        feature[:, :, top:bottom, left:right], scale_factor=scale, mode="bilinear", align_corners=False
    )
    first_row, first_column = cut_top * scale[0], cut_left * scale[1]
    enlarged = enlarged[:, :, first_row : first_row + height, first_column : first_column + width]
    return enlarged.contiguous(memory_format=torch.channels_last)


def _whole_pixels(start: float, length: float, size: int) -> tuple[int, int, int] | None:
    """First and last + 1 source pixel with a border of one where there is one, and whether there is one before it."""
    first, count, scale = start * size, length * size, 1 / length
    if any(abs(value - round(value)) > 1e-6 for value in (first, count, scale)):
        return None
    first, last = round(first), round(first) + round(count)
    return max(first - 1, 0), min(last + 1, size), int(first > 0)


@lru_cache(maxsize=512)
def _roi_taps(box: Box, height: int, width: int, device: torch.device) -> tuple[Taps, Taps]:
    return roi_taps(box, height, width, device=device)
