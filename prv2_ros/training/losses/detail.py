# SPDX-License-Identifier: Apache-2.0
"""Losses of detail, from a teacher of another scale: local SSIGM (PatchRefiner V2), edge-guided ranking, and DSD."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from prv2_ros.evaluation.edges import canny_edges, fill_unknown, log_depth_gradient
from prv2_ros.training.losses.maps import (
    MaskedPair,
    affine_residual,
    differences,
    masked_pair,
    no_loss,
    silog_loss,
    ssi_loss,
)

NEAREST_PX = 2
FARTHEST_PX = 30


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
        window_px: side of the square windows, cut to the image if larger; None is one window over the
            whole image (global SSIGM).
        windows: windows an image.
        generator: source of the windows' places, on any device; None is PyTorch's own.

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


class PointPairs(NamedTuple):
    """Flat pixel indices of the two ends of each pair, both (P,) int64."""

    first: Tensor
    second: Tensor


def edge_ranking_loss(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    edge_points: int = 256,
    random_pairs: int = 256,
    equal_ratio: float = 1.03,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean over point pairs of the ranking loss on Δ = d_first − d_second (Xian et al. 2020, structure-guided).

    On each of `edge_points` random pixels of the Canny edges of log pseudo label, four points are
    set along the edge's gradient, two on either side, 2 to 30 px away; neighbours on that line are paired.
    `random_pairs` pairs of any two valid pixels are added. A pair whose pseudo-label ratio is within `equal_ratio`
    costs Δ²; any other costs log(1 + exp(∓Δ)), so that the farther point is pushed away.

    Args:
        edge_points: edge pixels an image (three pairs each).
        random_pairs: random pairs an image.
        equal_ratio: ratio up to which two points are equally far.
        generator: source of the samples, on the CPU; None is PyTorch's own.
    """
    pair = masked_pair(prediction, target, mask)
    deltas, ratios = [], []
    for estimate, truth, valid in zip(*(full[:, 0] for full in pair), strict=True):
        known = valid.cpu()
        ends = [_random_pairs(known, random_pairs, generator)]
        if edge_points:
            ends.append(_edge_pairs(truth.cpu(), known, edge_points, generator))
        first, second = (torch.cat(side).to(prediction.device) for side in zip(*ends, strict=True))
        estimate, truth = estimate.flatten(), truth.flatten()
        deltas.append(estimate[first] - estimate[second])
        ratios.append(truth[first] / truth[second])
    return _ranking(torch.cat(deltas), torch.cat(ratios), equal_ratio) if sum(map(len, deltas)) else no_loss(prediction)


def _ranking(delta: Tensor, ratio: Tensor, equal_ratio: float) -> Tensor:
    order = (ratio > equal_ratio).to(delta.dtype) - (ratio < 1.0 / equal_ratio).to(delta.dtype)
    return torch.where(order == 0, delta**2, functional.softplus(-order * delta)).mean()


def _random_pairs(valid: Tensor, count: int, generator: torch.Generator | None) -> PointPairs:
    pixels = valid.flatten().nonzero()[:, 0]
    if len(pixels) < 2:
        return PointPairs(pixels[:0], pixels[:0])
    chosen = pixels[torch.randint(0, len(pixels), (2, count), generator=generator)]
    return PointPairs(chosen[0], chosen[1])


def _edge_pairs(target: Tensor, valid: Tensor, count: int, generator: torch.Generator | None) -> PointPairs:
    """Pairs of neighbours among four collinear points across each sampled edge pixel of an (H, W) map."""
    nothing = torch.zeros(0, dtype=torch.int64)
    if not valid.any():
        return PointPairs(nothing, nothing)
    filled = fill_unknown(target.detach().double().numpy(), valid.numpy())
    along_x, along_y = log_depth_gradient(filled)
    pixels = torch.from_numpy(canny_edges(along_x, along_y)).nonzero()
    if not len(pixels):
        return PointPairs(nothing, nothing)
    row, column = pixels[torch.randint(0, len(pixels), (count,), generator=generator)].T
    direction = torch.stack((torch.from_numpy(along_y)[row, column], torch.from_numpy(along_x)[row, column]))
    direction = direction / direction.norm(dim=0, keepdim=True)

    away = torch.randint(NEAREST_PX, FARTHEST_PX + 1, (2, 2, count), generator=generator).sort(dim=0).values
    signed = torch.cat((-away[:, 0].flip(0), away[:, 1]))
    points = torch.stack((row, column))[:, None] + (direction[:, None] * signed).round().long()
    height, width = target.shape
    inside = (points[0] >= 0) & (points[0] < height) & (points[1] >= 0) & (points[1] < width)
    flat = (points[0].clamp(0, height - 1) * width + points[1].clamp(0, width - 1)).long()
    usable = inside & valid.flatten()[flat]
    both = usable[:-1] & usable[1:]
    return PointPairs(flat[:-1][both], flat[1:][both])


def dsd_loss(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    pseudo: Tensor,
    pseudo_mask: Tensor | None = None,
    weight: float = 0.8,
    window_px: int | None = 23,
    windows: int = 100,
    with_ssi: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """L_silog(d, ground truth) + weight·(L_rank + L_local-SSIGM [+ L_SSI])(d, pseudo label).

    Args:
        target: (B, 1, H, W) real ground truth in metres, as sparse as it comes.
        pseudo: (B, 1, H, W) depth of a frozen teacher trained on synthetic data; no gradient flows into it.
        pseudo_mask: (B, 1, H, W) bool, pseudo labels that count; None for every known one.
        weight: weight of the pseudo-label terms.
        window_px: side of the local SSIGM windows; None for one window over the image.
        windows: local SSIGM windows an image; 0 leaves that term out.
        with_ssi: add the scale- and shift-invariant term.
        generator: source of the windows and point pairs, on the CPU; None is PyTorch's own.
    """
    pseudo = pseudo.detach()
    detail = edge_ranking_loss(prediction, pseudo, pseudo_mask, generator=generator)
    if windows:
        detail = detail + local_ssigm_loss(
            prediction, pseudo, pseudo_mask, window_px=window_px, windows=windows, generator=generator
        )
    if with_ssi:
        detail = detail + ssi_loss(prediction, pseudo, pseudo_mask)
    return silog_loss(prediction, target, mask) + weight * detail
