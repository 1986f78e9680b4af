# SPDX-License-Identifier: Apache-2.0
"""Local scale- and shift-invariant gradient matching (PatchRefiner V2): sharp edges from a teacher of another scale."""

import torch
from torch import Tensor

from prv2_ros.training.losses.alignment import affine_residual
from prv2_ros.training.losses.inputs import MaskedPair, differences, masked_pair


def local_ssigm_loss(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    window_px: int | None = 23,
    windows: int = 100,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean over random windows of the mean of |∂x r| + |∂y r|, r = s·d + t − d̂ with each window's own (s, t).

    It is 0 where the prediction is, window by window, some affine map of the pseudo label, and above 0 where
    an edge is smeared: no affine map makes it sharp.

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) pseudo label; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, pixels that count; None for every known target.
        window_px: side of the square windows, cut to the image if larger; None is one window over the
            whole image (global SSIGM).
        windows: windows an image.
        generator: source of the windows' places, on any device; None is PyTorch's own.

    Returns:
        Scalar over the windows that have a solution and a pair of neighbours; 0 where none has.

    Raises:
        ValueError: if `window_px` is under 2 or `windows` under 1.
    """
    pair = masked_pair(prediction, target, mask)
    if window_px is None:
        return _mean_over_windows(prediction, pair)
    if window_px < 2 or windows < 1:
        raise ValueError(f"window_px is {window_px} and windows {windows}; they must be at least 2 and 1")
    height, width = prediction.shape[-2:]
    rows, columns = min(window_px, height), min(window_px, width)
    source = generator.device if generator is not None else prediction.device
    shape = (prediction.shape[0], windows)
    top = torch.randint(0, height - rows + 1, shape, generator=generator, device=source).to(prediction.device)
    left = torch.randint(0, width - columns + 1, shape, generator=generator, device=source).to(prediction.device)
    return _mean_over_windows(prediction, cut_windows(pair, top, left, rows, columns))


def cut_windows(pair: MaskedPair, top: Tensor, left: Tensor, rows: int, columns: int) -> MaskedPair:
    """Gather (B, N, rows, columns) windows with corners `top`, `left` (B, N) out of (B, 1, H, W) maps."""
    image = torch.arange(top.shape[0], device=top.device)[:, None, None, None]
    row = (top[..., None] + torch.arange(rows, device=top.device))[..., :, None]
    column = (left[..., None] + torch.arange(columns, device=left.device))[..., None, :]
    return MaskedPair(*(full[image, 0, row, column] for full in pair))


def _mean_over_windows(prediction: Tensor, windows: MaskedPair) -> Tensor:
    residual, solved = affine_residual(*windows)
    along_x, along_y, pairs_x, pairs_y = differences(residual, windows.valid)
    count_x, count_y = pairs_x.sum((-2, -1)), pairs_y.sum((-2, -1))
    mean_x = along_x.masked_fill(~pairs_x, 0.0).sum((-2, -1)) / count_x.clamp(min=1)
    mean_y = along_y.masked_fill(~pairs_y, 0.0).sum((-2, -1)) / count_y.clamp(min=1)
    counted = solved & (count_x + count_y > 0)
    # No branch on `counted`, for which the host would wait: where no window counts this is 0, joined to the graph.
    return (mean_x + mean_y).masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)
