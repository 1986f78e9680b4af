# SPDX-License-Identifier: Apache-2.0
"""Inputs and state dicts of the golden values, as test/data/golden/fill.py defines them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.model.layers import resize

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
FEATURE_SHAPES = [(256, 3, 4), (256, 6, 8), (256, 12, 16), (256, 24, 32), (256, 48, 64), (32, 96, 128)]  # coarse first

_spec = importlib.util.spec_from_file_location("fill", GOLDEN / "fill.py")
_fill = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fill)
noise = _fill.noise


def values(file: str, name: str) -> Tensor:
    """One golden array."""
    with np.load(GOLDEN / file) as arrays:
        return torch.from_numpy(arrays[name])


def reference_state_dict(*, gates: bool = True) -> dict[str, Tensor]:
    """PRV2M's state dict under the reference's names, with or without the gates' tensors."""
    shapes = json.loads((GOLDEN / "prv2m_keys.json").read_text())
    return _fill.fill_shapes({name: shape for name, shape in shapes.items() if gates or "fusion_conv" not in name})


def patch_inputs() -> tuple[Tensor, Tensor, list[Tensor]]:
    """Two tiles at a 96x128 process size: rgb, coarse depth, six features fine to coarse."""
    rgb = (0.25 * noise("image", (2, 3, 96, 128)) + 0.5).clamp(0, 1)
    depth = 6 * noise("coarse_depth", (2, 1, 96, 128)).abs() + 1
    features = [noise(f"coarse_feature_{i}", (2, *shape)) for i, shape in enumerate(FEATURE_SHAPES)]
    return rgb, depth, features[::-1]


def frame() -> Tensor:
    """The golden frame, (1, 3, 432, 768)."""
    wave = torch.sin(torch.linspace(0, 20, 768))
    return (0.2 * noise("frame", (1, 3, 432, 768)) + 0.5 + 0.2 * wave).clamp(0, 1)


class FrameCoarse(nn.Module):
    """The golden frame's coarse maps, whatever the input."""

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        depth = 6 * noise("frame_coarse_depth", (1, 1, 12, 16)).abs() + 1
        features = [
            resize(noise(f"frame_coarse_feature_{i}", (1, c, 3, 4)), (h, w))
            for i, (c, h, w) in enumerate(FEATURE_SHAPES)
        ]
        return resize(depth, (96, 128)), features[::-1]
