# SPDX-License-Identifier: Apache-2.0
"""Several looks at a frame: their scale and layout are averaged, edges stay the first look's."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.model.layers import resize

CELL = 32  # pixels of the first look: scale and layout are wider than a cell, edges are finer


@dataclass(frozen=True)
class Look:
    """One look at a frame.

    Attributes:
        share: of the process size's height and width.
        mirrored: left and right are changed about before, and back after.
        layout: by the layout network, which learnt from other numbers and errs differently.
    """

    share: float
    mirrored: bool = False
    layout: bool = False


def what_looks_add(first: Tensor, others: Iterable[Tensor], *, first_weight: float = 1.0) -> Tensor:
    """What must be added to the first look for the mean of all, in cells.

    Pixel by pixel the mean would be as right, but two pictures of an edge make a soft one.

    Args:
        first: log depth (B, 1, h, w).
        others: log depths (B, 1, ., .) of any sizes.
        first_weight: of the first look in the mean, where each of the others has 1.

    Returns:
        log depth (B, 1, h, w), to be added to `first`.
    """
    # int: while torch traces for ONNX, sizes are tensors
    size = (int(first.shape[-2]), int(first.shape[-1]))
    differences = [resize(other, size) - first for other in others]
    mean = torch.stack(differences).sum(0) / (len(differences) + first_weight)
    cell = (min(CELL, size[0]), min(CELL, size[1]))
    return resize(F.avg_pool2d(mean, cell, ceil_mode=True, count_include_pad=False), size)
