# SPDX-License-Identifier: Apache-2.0
"""Depth maps upsampled to the image, with edges where colours change."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.engine.edges import MIN_STEP
from prv2_ros.engine.seams import NEAREST_M

# Radius of the samples around a pixel and standard deviation of their spatial weight, in depth map pixels.
RADIUS = 2
SPACE = 0.7
# Standard deviation of the colour weight; colours are in [0, 1].
COLOUR = 0.08
# At an edge this part of the change within three radii lies within one; on a plane it is a third.
MIN_PART = 0.5
# Least difference of both sides' weights, relative to their sum; below it a pixel keeps its interpolated depth.
SURE = 0.3
# Weight of a sample from a filled hole, and least weight of a sample between both sides (a mixed pixel).
DOUBTFUL = 0.05


def upsample_guided(depth: Tensor, known: Tensor, frame: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Upsample a depth map by the colours of the picture (joint bilateral upsampling, Kopf and others 2007).

    At an edge the samples about a pixel are divided into near and far. The pixel takes the mean of the side whose
    samples are closer and more alike in colour, never a mean of both; elsewhere depth is interpolated.

    Args:
        depth: (1, 1, h, w) metres without holes.
        known: (1, 1, h, w) bool, false where a hole was filled.
        frame: (1, 3, H, W) of the same view, in [0, 1].
        size: (height, width) of the result.

    Returns:
        (1, 1, *size) metres, and as many of 1 where a side was chosen and 0 elsewhere.
    """
    logs = depth.clamp(min=NEAREST_M).log()
    smooth = _resized(logs, size)
    where = _edges(logs, size)
    chosen_at = torch.zeros_like(smooth)
    if not len(where):
        return smooth.exp(), chosen_at
    height, width = logs.shape[-2:]
    rows, columns = where // size[1], where % size[1]
    y, x = (rows + 0.5) * (height / size[0]) - 0.5, (columns + 0.5) * (width / size[1]) - 0.5
    centre_y, centre_x = y.round().long(), x.round().long()
    colours = _resized(frame, size)[0].flatten(1)[:, where]
    samples, sample_colours = logs.flatten(), F.interpolate(frame, (height, width), mode="area")[0].flatten(1)
    trust = _trust(logs, known).flatten()
    low, high = (extreme.flatten()[centre_y * width + centre_x] for extreme in _extremes(logs, RADIUS))
    middle = (low + high) / 2
    weights, sums = torch.zeros(2, len(where), device=logs.device), torch.zeros(2, len(where), device=logs.device)
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            sample_y, sample_x = (centre_y + dy).clamp(0, height - 1), (centre_x + dx).clamp(0, width - 1)
            at = sample_y * width + sample_x
            away = ((sample_y - y).square() + (sample_x - x).square()) / SPACE**2
            unlike = (sample_colours[:, at] - colours).square().sum(0) / COLOUR**2
            weight = torch.exp(-0.5 * (away + unlike)) * trust[at] + 1e-9
            value = samples[at]
            near = (value < middle).to(weight.dtype)
            for side, share in enumerate((near, 1.0 - near)):
                weights[side] += weight * share
                sums[side] += weight * share * value
    near, far = sums / weights.clamp(min=1e-9)
    chosen = torch.where(weights[0] > weights[1], near, far)
    sure = (weights[0] - weights[1]).abs() > SURE * weights.sum(0)
    result = smooth.flatten()
    result[where] = torch.where(sure, chosen, result[where])
    chosen_at.view(-1)[where] = sure.to(chosen_at.dtype)
    return result.view(1, 1, *size).exp(), chosen_at


def _edges(logs: Tensor, size: tuple[int, int]) -> Tensor:
    """Flat indices of pixels of `size` at an edge of log depth (1, 1, h, w); a plane seen steeply is none."""
    low, high = _extremes(logs, RADIUS)
    inverse = _extended(torch.exp(-logs), 3 * RADIUS)  # in which planes are linear
    part, whole = (
        (b - a)[..., 3 * RADIUS : -3 * RADIUS, 3 * RADIUS : -3 * RADIUS]
        for a, b in (_extremes(inverse, radius) for radius in (RADIUS, 3 * RADIUS))
    )
    edges = (high - low > math.log1p(MIN_STEP)) & (part > MIN_PART * whole)
    return F.interpolate(edges.to(logs.dtype), size, mode="nearest-exact").flatten().nonzero()[:, 0]


def _trust(logs: Tensor, known: Tensor) -> Tensor:
    """(1, 1, h, w) weight of each sample."""
    low, high = _extremes(logs, 1)
    between = 1.0 - (2.0 * (logs - low) / (high - low).clamp(min=1e-6) - 1.0).abs()
    between = torch.where(high - low > math.log1p(MIN_STEP), between, 0.0)
    return torch.where(known, (1.0 - between).clamp(min=DOUBTFUL), DOUBTFUL)


def _extremes(values: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Least and largest value within a radius of each pixel."""
    return -F.max_pool2d(-values, 2 * radius + 1, 1, radius), F.max_pool2d(values, 2 * radius + 1, 1, radius)


def _extended(values: Tensor, by: int) -> Tensor:
    """(1, 1, h, w), more than `by` pixels a side, with so many more on each side; a plane goes on as a plane."""
    for axis in (-2, -1):
        length = values.shape[axis]
        before = 2 * values.narrow(axis, 0, 1) - values.narrow(axis, 1, by).flip(axis)
        after = 2 * values.narrow(axis, length - 1, 1) - values.narrow(axis, length - 1 - by, by).flip(axis)
        values = torch.cat((before, values, after), dim=axis)
    return values


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    antialias = size[0] < x.shape[-2]
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=antialias)
