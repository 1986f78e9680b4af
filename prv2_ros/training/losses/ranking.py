# SPDX-License-Identifier: Apache-2.0
"""Edge-guided ranking (Xian et al. 2020, structure-guided ranking): the order of depth across an edge."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from prv2_ros.evaluation.edges import canny_edges, fill_unknown, log_depth_gradient
from prv2_ros.training.losses.inputs import masked_pair, no_loss

NEAREST_PX = 2
FARTHEST_PX = 30


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
    """Mean over point pairs of the ranking loss on Δ = d_first − d_second.

    On each of `edge_points` random pixels of the Canny edges of log pseudo label, four points are
    set along the edge's gradient, two on either side, 2 to 30 px away; neighbours on that line are paired.
    `random_pairs` pairs of any two valid pixels are added. A pair whose pseudo-label ratio is within `equal_ratio`
    costs Δ²; any other costs log(1 + exp(∓Δ)), so that the farther point is pushed away.

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) pseudo label in metres; 0, NaN and infinity mean unknown.
        mask: (B, 1, H, W) bool, pixels that count; None for every known target.
        edge_points: edge pixels an image (three pairs each).
        random_pairs: random pairs an image.
        equal_ratio: ratio up to which two points are equally far.
        generator: source of the samples, on the CPU; None is PyTorch's own.

    Returns:
        Scalar over the pairs of the batch; 0 where there is none.
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
