# SPDX-License-Identifier: Apache-2.0
"""Organised point cloud of a depth image, built on the depth's device in one pass."""

import torch
from torch import Tensor


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
    z = depth_m[::stride, ::stride]
    z = torch.where(torch.isfinite(z) & (z <= max_range_m), z, torch.nan)
    height, width = z.shape
    shape = (height, width, 3 if rgb is None else 4)
    if out is None:
        out = torch.empty(shape, dtype=torch.float32, device=depth_m.device)
    elif out.shape != shape:
        raise ValueError(f"out is {tuple(out.shape)}, the cloud is {shape}")
    columns = torch.arange(width, dtype=torch.float32, device=z.device) * stride
    rows = torch.arange(height, dtype=torch.float32, device=z.device) * stride
    torch.mul(z, (columns - cx) / fx, out=out[..., 0])
    torch.mul(z, ((rows - cy) / fy)[:, None], out=out[..., 1])
    out[..., 2] = z
    if rgb is not None:
        if rgb.shape[:2] != (height, width):
            rgb = rgb[::stride, ::stride]
        if rgb.shape != (height, width, 3):
            raise ValueError(f"colour is {tuple(rgb.shape)} after stride {stride}, the cloud is {height}x{width}")
        red, green, blue = rgb.to(torch.int32).unbind(-1)
        # Written as integers: as floats these bits are denormal numbers, which arithmetic may flush to zero.
        out.view(torch.int32)[..., 3] = (red << 16) | (green << 8) | blue
    return out
