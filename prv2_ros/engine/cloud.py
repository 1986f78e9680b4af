# SPDX-License-Identifier: Apache-2.0
"""Organised point cloud of a depth image, built on the depth's device in one pass."""

import sys

import numpy as np
import torch
from torch import Tensor

_BLOCK_ROWS = 32
# Where red, green and blue of 0x00RRGGBB lie in a point of four floats.
_COLOUR_OCTETS, _EMPTY_OCTET = ((14, 13, 12), 15) if sys.byteorder == "little" else ((13, 14, 15), 12)


def organised_cloud(
    depth_m: Tensor,
    *,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    rgb: Tensor | None = None,
    stride: int = 1,
    max_range_m: float = float("inf"),
    out: Tensor | None = None,
) -> Tensor:
    """Points of every `stride`-th row and column in the optical frame (x right, y down, z forward; REP 103).

    Args:
        depth_m: (H, W) float32 depth along z in metres; what is not finite becomes NaN in x, y and z.
        fx, fy, cx, cy: intrinsics in pixels of the depth image.
        rgb: (H, W, 3) or already strided (h, w, 3) uint8 colour; None leaves colour out.
        stride: distance of rows and of columns in pixels.
        max_range_m: points of a greater depth become NaN.
        out: memory for the result, of its shape, float32 and on the device of the depth.

    Returns:
        (h, w, 4) float32 with x, y, z and colour packed as the bits 0x00RRGGBB (PCL's rgb), or (h, w, 3) without
        colour; h = ceil(H / stride), w = ceil(W / stride).

    Raises:
        ValueError: colour or `out` of a shape that does not fit.
    """
    height, width = (-(-size // stride) for size in depth_m.shape)
    shape = (height, width, 3 if rgb is None else 4)
    if out is None:
        out = torch.empty(shape, dtype=torch.float32, device=depth_m.device)
    elif out.shape != shape:
        raise ValueError(f"out is {tuple(out.shape)}, the cloud is {shape}")
    if rgb is not None:
        if rgb.shape[:2] != (height, width):
            rgb = rgb[::stride, ::stride]
        if rgb.shape != (height, width, 3):
            raise ValueError(f"colour is {tuple(rgb.shape)} after stride {stride}, the cloud is {height}x{width}")
    columns = (torch.arange(width, dtype=torch.float32, device=depth_m.device) * stride - cx) / fx
    rows = (torch.arange(height, dtype=torch.float32, device=depth_m.device) * stride - cy) / fy
    z = depth_m[::stride, ::stride]
    fill = _fill_on_host if depth_m.device.type == "cpu" else _fill
    fill(out, z, columns, rows, rgb, max_range_m)
    return out


def _fill(out: Tensor, z: Tensor, columns: Tensor, rows: Tensor, rgb: Tensor | None, max_range_m: float) -> None:
    z = torch.where(torch.isfinite(z) & (z <= max_range_m), z, torch.nan)
    torch.mul(z, columns, out=out[..., 0])
    torch.mul(z, rows[:, None], out=out[..., 1])
    out[..., 2] = z
    if rgb is not None:
        red, green, blue = rgb.to(torch.int32).unbind(-1)
        # Written as integers: as floats these bits are denormal numbers, which arithmetic may flush to zero.
        out.view(torch.int32)[..., 3] = (red << 16) | (green << 8) | blue


def _fill_on_host(
    out: Tensor, z: Tensor, columns: Tensor, rows: Tensor, rgb: Tensor | None, max_range_m: float
) -> None:
    """The same in blocks of rows that stay in the cache, and colour byte by byte, without integers between."""
    cloud, depth, colour = out.numpy(), z.numpy(), None if rgb is None else rgb.numpy()
    across, down = columns.numpy(), rows.numpy()[:, None]
    for start in range(0, len(cloud), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        part = depth[block].copy()
        np.copyto(part, np.nan, where=~((part <= max_range_m) & (np.abs(part) < np.inf)))
        points = cloud[block]
        np.multiply(part, across, out=points[..., 0])
        np.multiply(part, down[block], out=points[..., 1])
        points[..., 2] = part
        if colour is not None:
            octets = points.view(np.uint8)
            for channel, place in enumerate(_COLOUR_OCTETS):
                octets[..., place] = colour[block, :, channel]
            octets[..., _EMPTY_OCTET] = 0
