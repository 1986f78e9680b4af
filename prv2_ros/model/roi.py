# SPDX-License-Identifier: Apache-2.0
"""roi(.): boxes of whole-frame maps, sampled at one point a bin (spec of the residual formulation, section 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def roi_align(feature: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """RoIAlign (aligned, one sample a bin) of boxes of a map.

    Output row i of h' samples the map at y = (y0 + bh * (i + 0.5) / h') * h - 0.5, clamped to
    [0, h - 1]; columns alike.

    Args:
        feature: (1, C, h, w), or (N, C, h, w) with one box for each.
        boxes: (N, 4): left, top, width, height in fractions of the map.
        size: output (h', w').

    Returns:
        (N, C, h', w') of the map's type.
    """
    height, width = size
    x0, y0, box_width, box_height = boxes.double().unbind(1)

    def centres(count: int) -> Tensor:
        return (torch.arange(count, dtype=torch.float64, device=boxes.device) + 0.5) / count

    rows = y0[:, None] + box_height[:, None] * centres(height)
    columns = x0[:, None] + box_width[:, None] * centres(width)
    n = len(boxes)
    grid = torch.stack(
        (columns[:, None, :].expand(n, height, width), rows[:, :, None].expand(n, height, width)), dim=-1
    )
    # In float32 whatever the map is (autocast leaves that alone): a position in bfloat16 would be off by up to half a
    # pixel of it.
    grid = (2 * grid - 1).float().to(feature.device)
    maps = feature.float().expand(n, -1, -1, -1)
    cut = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    # Tensor cores read channels_last, and one map of another layout in a concatenation turns all of it.
    layout = torch.channels_last if feature.device.type == "cuda" else torch.preserve_format
    return cut.to(feature.dtype, memory_format=layout)


def roi_of_level(feature: Tensor, boxes: Tensor, frame: tuple[int, int]) -> Tensor:
    """roi of a map of any size at its own size, as networks are trained that take maps of their own sizes.

    Args:
        feature: (1, C, h, w), or (N, C, h, w) with one box for each.
        boxes: (N, 4): left, top, width, height in fractions of the frame.
        frame: (H, W) of level 0, or in its proportion. x is scaled by h / H instead of w / W, as the references of
            PatchFusion and PatchRefiner do; it differs only where a map has not the frame's proportions, such as 14x19
            of 392x518.

    Returns:
        (N, C, h, w).
    """
    height, width = feature.shape[-2:]
    stretch = (height / frame[0]) / (width / frame[1])
    if abs(stretch - 1) > 1e-9:
        boxes = boxes * torch.tensor([stretch, 1.0, stretch, 1.0], dtype=boxes.dtype, device=boxes.device)
    return roi_align(feature, boxes, (height, width))
