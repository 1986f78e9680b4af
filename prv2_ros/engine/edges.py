# SPDX-License-Identifier: Apache-2.0
"""Edges of a depth map made steps, where depth and the colours of the picture say that there is an edge."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.engine.seams import NEAREST_M, mend_seams
from prv2_ros.model.layers import resize

# Pixels of a tile as the network sees it; the refiner draws edges as ramps of several. A larger radius finds more edges
# and draws more that are none (44 held-out frames of NYU: precision 0.47 with 2, 0.41 with 3, 0.25 with 6).
RADIUS = 2
# Farthest over nearest depth, less 1: the boundary metric's edges begin at steps of 3.5 to 7 %.
MIN_STEP = 0.05
# An edge is where a large part of the change within three radii lies within one. On a plane inverse depth is linear and
# the part is 4/12 pixels, so roads and walls stay as they are, however steeply they are seen.
MIN_PART = 0.36
# Colours are compared with their means over 5x5 cells of 4x4 pixels: wide enough for a mean, within one object.
CELL = 4
CELLS = 5
# Variance of colours in [0, 1] that is noise: where both sides look alike within it, depth alone decides.
NOISE = 9e-4
# Colour votes from -1, far, to 1, near; beyond these a pixel takes the near and the far depth. Finest level first, each
# further one half the size. A wrong far depth costs metres, a wrong near one centimetres, and thin near things are what
# the coarse branch loses.
NEEDED_VOTES = ((0.3, 0.3), (0.2, 0.7), (0.2, math.inf), (0.2, math.inf))
# Depth of the ground changes along columns, not quite as on a plane: compared there with MIN_PART at coarse levels,
# road markings became steps. So coarse levels compare along rows, and then along both with the stricter STEEP_PART.
# F1 on 4 rendered 4K frames of the validation split, and the share of a road's pixels in a demo frame that moved by
# over 2 %: one level 0.095; rows alone 0.165, 0.8 %; and then both 0.206, 1.1 %; both with MIN_PART 0.245, 13 %.
STEEP_PART = 0.52
ROWS, BOTH = (1,), (0, 1)


def finish(canvas: Tensor, frame: Tensor, grid: tuple[int, int], coarsest: tuple[int, int] | None) -> Tensor:
    """Depth as the network drew it, made fit to be used: without seams, and with edges that are steps.

    Args:
        canvas: (1, 1, h, w) metres, a process size a tile: where the network's pixels lie, since its blur is so many of
            them whatever the frame's size.
        frame: (1, 3, H, W) in [0, 1].
        grid: rows and columns of tiles without overlap, (1, 1) where overlapping ones were blended.
        coarsest: (height, width) in pixels of the coarsest level at which edges are sharpened; None sharpens none.

    Returns:
        (1, 1, H, W) metres.
    """
    depth = mend_seams(canvas[0, 0], grid)
    if coarsest is not None:
        depth = sharpen_levels(depth, resize(frame, tuple(depth.shape))[0], coarsest)
    return F.interpolate(depth[None, None], frame.shape[-2:], mode="bilinear", align_corners=False)


def sharpen_levels(depth: Tensor, rgb: Tensor, coarsest: tuple[int, int]) -> Tensor:
    """Sharpen edges at up to four levels of an image pyramid, coarse to fine.

    The coarse branch blurs an edge over pixels of its own, which are many of the refiner's. A coarse level moves such
    an edge to where colours change, and the next finer level moves it on; elsewhere the finer level keeps its detail.

    Args:
        depth: (H, W) metres.
        rgb: (3, H, W) of the same view, in [0, 1].
        coarsest: (height, width) in pixels; no level is smaller.

    Returns:
        (H, W) metres, a new tensor.
    """
    moved = sharp = None
    levels = [
        k for k in range(len(NEEDED_VOTES)) if min(depth.shape[0] / coarsest[0], depth.shape[1] / coarsest[1]) >= 2**k
    ]
    for level in reversed(levels or [0]):
        size = (depth.shape[0] // 2**level, depth.shape[1] // 2**level)
        own, picture = (F.interpolate(values[None], size, mode="area")[0] for values in (depth[None], rgb))
        own = own[0]
        if moved is not None:
            own = torch.where(_upsampled(moved.to(own.dtype), size) > 0, _upsampled(sharp, size), own)
        sharp = sharpen_edges(own, picture, needed=NEEDED_VOTES[level], axes=ROWS if level else BOTH)
        if level:
            sharp = sharpen_edges(sharp, picture, needed=NEEDED_VOTES[level], part=STEEP_PART)
        change = sharp != own
        moved = change if moved is None else change | (_upsampled(moved.to(own.dtype), size) > 0)
    return sharp


def _upsampled(values: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(values[None, None], size, mode="bilinear", align_corners=False)[0, 0]


def sharpen_edges(
    depth: Tensor,
    rgb: Tensor,
    *,
    needed: tuple[float, float] = (0.0, 0.0),
    axes: tuple[int, ...] = BOTH,
    part: float = MIN_PART,
) -> Tensor:
    """Give each pixel of an edge the depth of one of its two sides.

    A toggle mapping (Kramer and Bruckner 1975) guided by colour. Around a pixel the nearest and the farthest depth are
    looked up. Where they are the two sides of an edge, the pixel gets one of them: the one that its own depth and its
    colour say, with equal votes. Depth votes by how close it is to either; colour by how close it is to the mean colour
    of the near and of the far pixels about. All is done in inverse depth, in which planes are linear.

    Args:
        depth: (H, W) metres, 0 or more, about as many pixels as the network computed.
        rgb: (3, H, W) of the same view, in [0, 1].
        needed: colour votes beyond which a pixel takes the near and the far depth; between them it keeps its own. With
            (0, 0) depth and colour decide together.
        axes: along which depth is compared: 0 columns, 1 rows.
        part: share of the change within three radii that has to lie within one.

    Returns:
        (H, W) metres, a new tensor: every value is one of `depth` at most RADIUS rows and columns away. Within three
        RADIUS of the border all is as it was.

    Raises:
        ValueError: the sizes differ.
    """
    if rgb.shape != (3, *depth.shape):
        raise ValueError(f"picture is {tuple(rgb.shape)}, expected {(3, *depth.shape)} as the depth map is")
    nearest, farthest = _within_radius(depth, torch.minimum, axes), _within_radius(depth, torch.maximum, axes)
    result = depth.flatten().clone()
    where = _edge_pixels(nearest, farthest, axes, part)
    if len(where):
        near, far = nearest.flatten()[where], farthest.flatten()[where]
        # The mean of two inverse depths is the inverse of their harmonic mean.
        closer = (depth * (nearest + farthest) < 2.0 * nearest * farthest).to(depth.dtype)
        inverse_near, inverse_far, own = _inverse(near), _inverse(far), _inverse(result[where])
        depth_vote = (2.0 * own - inverse_near - inverse_far) / (inverse_near - inverse_far)
        colour_vote = _colour_vote(closer, rgb, where)
        chosen = torch.where(depth_vote + colour_vote > 0, near, far)
        if any(needed):
            sure = torch.where(chosen == near, colour_vote > needed[0], colour_vote < -needed[1])
            chosen = torch.where(sure, chosen, result[where])
        result[where] = chosen
    return result.view_as(depth)


def _edge_pixels(nearest: Tensor, farthest: Tensor, axes: tuple[int, ...], part: float) -> Tensor:
    """Flat indices of the pixels at an edge, from the extremes within RADIUS of each pixel."""
    steps = farthest > nearest * (1.0 + MIN_STEP)
    for axis in (0, 1):
        # At the border half of the three radii is missing, and a plane would look like an edge.
        border = min(3 * RADIUS, steps.shape[axis])
        steps.narrow(axis, 0, border).zero_()
        steps.narrow(axis, steps.shape[axis] - border, border).zero_()
    where = steps.flatten().nonzero()[:, 0]
    if not len(where):
        return where
    change = _inverse(nearest.flatten()[where]) - _inverse(farthest.flatten()[where])
    for _ in range(2):  # three squares of one radius on end are the square of three radii
        nearest, farthest = (
            _within_radius(nearest, torch.minimum, axes),
            _within_radius(farthest, torch.maximum, axes),
        )
    return where[change > part * (_inverse(nearest.flatten()[where]) - _inverse(farthest.flatten()[where]))]


def _colour_vote(closer: Tensor, rgb: Tensor, where: Tensor) -> Tensor:
    """From -1, a pixel has the colour of the far pixels about, to 1, that of the near ones; (len(where),).

    Args:
        closer: (H, W), 1 where a pixel is nearer than midway between the extremes about it, else 0.
        rgb: (3, H, W).
        where: flat indices of the pixels that vote.
    """
    every, of_near, share = (_means(values) for values in (rgb, rgb * closer, closer[None]))
    colour_near = of_near / share.clamp(min=1e-3)
    colour_far = (every - of_near) / (1.0 - share).clamp(min=1e-3)
    width = closer.shape[-1]
    cell = where // width // CELL * every.shape[-1] + where % width // CELL
    own = rgb.flatten(1)[:, where]
    from_near = (own - colour_near.flatten(1)[:, cell]).square().sum(0)
    from_far = (own - colour_far.flatten(1)[:, cell]).square().sum(0)
    return (from_far - from_near) / (from_far + from_near + NOISE)


def _means(values: Tensor) -> Tensor:
    """(C, H, W) to the means over the CELLS x CELLS cells about each cell."""
    means = F.avg_pool2d(values[None], CELL, ceil_mode=True)
    for kernel in ((CELLS, 1), (1, CELLS)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        means = F.avg_pool2d(means, kernel, 1, padding, count_include_pad=False)
    return means[0]


def _within_radius(values: Tensor, pick: Callable[..., Tensor], axes: tuple[int, ...]) -> Tensor:
    """Least (`pick` torch.minimum) or largest value within RADIUS along axes; max_pool2d takes twice as long."""
    for axis in axes:
        result = values.clone()
        for step in range(1, min(RADIUS, values.shape[axis] - 1) + 1):
            count = values.shape[axis] - step
            for to, of in ((0, step), (step, 0)):
                inner = result.narrow(axis, to, count)
                pick(inner, values.narrow(axis, of, count), out=inner)
        values = result
    return values


def _inverse(depth: Tensor) -> Tensor:
    return depth.clamp(min=NEAREST_M).reciprocal()
