# SPDX-License-Identifier: Apache-2.0
"""Blending weights of a tile (spec of P49)."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

BORDER = 0.15  # of the tile, on each side, starts at weight 0


@lru_cache(maxsize=8)
def tile_mask(
    height: int, width: int, device: torch.device | str = "cpu", *, border: float = BORDER, floor: float = 0.0
) -> Tensor:
    """Weight w of a tile: a box blurred by a Gaussian of height / 16, min-max normalised.

    Args:
        height, width: of the tile, pixels.
        device: where it is kept.
        border: share of each side that starts at weight 0.
        floor: is added everywhere.

    Returns:
        (height, width) float32 from `floor` to 1 + `floor` on the device, computed once: not to be written to.
    """
    with torch.inference_mode(False):  # the cached tensor is used under other modes too
        top, left = int(border * height), int(border * width)
        mask = torch.zeros(1, 1, height, width, dtype=torch.float64)
        mask[..., top : height - top, left : width - left] = 1
        sigma = int(height / 16)
        if sigma > 0:
            mask = _gaussian_blur(mask, sigma)
        mask = mask - mask.min()
        return ((mask / mask.max().clamp(min=1e-12))[0, 0].float() + floor).to(device)


def _gaussian_blur(mask: Tensor, sigma: int) -> Tensor:
    """Separable blur with OpenCV's default border (reflect without repeating the edge)."""
    radius = math.ceil(2 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=mask.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    mask = F.conv2d(F.pad(mask, (0, 0, radius, radius), mode="reflect"), kernel.view(1, 1, -1, 1))
    return F.conv2d(F.pad(mask, (radius, radius, 0, 0), mode="reflect"), kernel.view(1, 1, 1, -1))
