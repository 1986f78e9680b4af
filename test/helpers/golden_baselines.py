# SPDX-License-Identifier: Apache-2.0
"""Inputs, networks and state dicts of the baselines' golden values."""

import json

from golden import FEATURE_SHAPES, GOLDEN, _fill, noise, values
from torch import Tensor, nn

from prv2_ros.model import convert_reference_state_dict, create_refiner
from prv2_ros.model.layers import resize
from prv2_ros.model.roi import roi_align

DOUBLED = {"seed_bin_regressor", "seed_projector", "projectors", "attractors", "conditional_log_binomial"}
PRO_SHAPES = [(256, 2, 3), (256, 4, 5), (256, 8, 10), (256, 16, 20), (256, 32, 40), (32, 56, 70)]  # coarse first


class Canned(nn.Module):
    """A fine network that answers what it was given, whatever the picture."""

    def __init__(self, depth: Tensor, features: list[Tensor]):
        super().__init__()
        self.depth, self.features = depth, features

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self.depth, self.features


def shapes(network: str) -> dict[str, tuple[int, ...]]:
    """The reference's tensors of prv1, patchfusion or pro, without branches."""
    return {name: tuple(s) for name, s in json.loads((GOLDEN / f"{network}_keys.json").read_text()).items()}


def state_dict(network: str) -> dict[str, Tensor]:
    """The reference's state dict of that network."""
    state = _fill.fill_shapes(shapes(network))
    for name, tensor in state.items():
        if name.endswith("absolute_pos_embed"):
            state[name] = noise(name, tuple(tensor.shape), 0.5)
        elif tensor.ndim >= 2 and name.split(".")[0] in DOUBLED:
            state[name] = 2 * tensor
    return state


def build(network: str, fine: nn.Module, **arguments) -> nn.Module:
    """The network around a fine one, with the golden weights."""
    refiner = create_refiner(network, fine=fine, **arguments)
    refiner.load_state_dict(convert_reference_state_dict({"model_state_dict": state_dict(network)}, refiner))
    return refiner.eval()


def image(height: int = 96, width: int = 128) -> Tensor:
    return (0.25 * noise("image", (2, 3, height, width)) + 0.5).clamp(0, 1)


def depth(name: str, height: int = 96, width: int = 128) -> Tensor:
    return 6 * noise(name, (2, 1, height, width)).abs() + 1


def features(name: str, sizes: list[tuple[int, int, int]] = FEATURE_SHAPES) -> list[Tensor]:
    """Six maps of two tiles, fine to coarse."""
    return [noise(f"{name}_{i}", (2, *size)) for i, size in enumerate(sizes)][::-1]


def canned() -> Canned:
    """The fine network of PRV1 and PatchFusion."""
    return Canned(depth("fine_depth"), features("fine_feature"))


def whole_features() -> list[Tensor]:
    """PatchFusion's maps of the whole frame, fine to coarse."""
    small = [noise(f"whole_feature_{i}", (1, c, 3, 4)) for i, (c, _, _) in enumerate(FEATURE_SHAPES)]
    return [resize(m, (h, w)) for m, (_, h, w) in zip(small, FEATURE_SHAPES)][::-1]


def patchfusion_inputs() -> dict:
    """All arguments of PatchFusion's call."""
    boxes = values("patchfusion_fusion.npz", "boxes")
    whole = whole_features()
    whole_depth = resize(6 * noise("whole_depth", (1, 1, 12, 16)).abs() + 1, (96, 128))
    return {
        "rgb": image(),
        "coarse_depth": roi_align(whole_depth, boxes, (96, 128)),
        "coarse_features": [roi_align(m, boxes, tuple(m.shape[-2:])) for m in whole],
        "whole_features": whole,
        "boxes": boxes,
    }


FEATURE_SIZES = tuple((h, w) for _, h, w in reversed(FEATURE_SHAPES))


def largest_difference(ours: Tensor, file: str, name: str) -> float:
    """max |ours - golden|."""
    return float((ours - values(file, name)).abs().max())
