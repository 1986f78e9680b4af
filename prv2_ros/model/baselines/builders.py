# SPDX-License-Identifier: Apache-2.0
"""The baselines by name, and the builder that puts one around a fine network."""

from collections.abc import Callable

import torch
from torch import nn

from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.baselines.patchfusion import FEATURE_SIZES, PatchFusion
from prv2_ros.model.baselines.pro import Pro
from prv2_ros.model.baselines.prv1 import PatchRefinerV1

BASELINES: dict[str, Callable[..., FineRefiner]] = {
    network.name: network for network in (PatchRefinerV1, PatchFusion, Pro)
}
ZOEDEPTH_CHANNELS = (32, 256, 256, 256, 256, 256)


def create_baseline(
    name: str,
    *,
    fine: nn.Module | None,
    coarse_channels: tuple[int, ...] | None = None,
    feature_sizes: tuple[tuple[int, int], ...] | None = None,
) -> FineRefiner:
    """Build a baseline with random weights around a fine network.

    Args:
        name: one of `BASELINES`.
        fine: network of the coarse branch's protocol: rgb (B, 3, H, W) gives depth and six features, fine to coarse.
        coarse_channels: six widths of the coarse features, fine to coarse; by default the fine network's `channels`.
        feature_sizes: six (h, w) of the whole coarse maps, fine to coarse; PatchFusion alone has tables of these
            sizes, 384x512 to 12x16 by default.

    Raises:
        ValueError: the fine network is missing, or the widths do not fit.
    """
    if fine is None:
        raise ValueError(f"'{name}' runs a depth network on every tile: give fine=, such as create_coarse('zoedepth')")
    own = getattr(fine, "channels", None)
    coarse_channels = tuple(coarse_channels or own or ZOEDEPTH_CHANNELS)
    if len(coarse_channels) != 6:
        raise ValueError(f"coarse_channels {coarse_channels} has {len(coarse_channels)} entries, expected 6")
    tables = {}
    if BASELINES[name] is PatchFusion:
        tables["feature_sizes"] = tuple(tuple(size) for size in feature_sizes or FEATURE_SIZES)
    return BASELINES[name](
        fine=fine, fine_channels=tuple(own or coarse_channels), coarse_channels=coarse_channels, **tables
    )


@torch.no_grad()
def feature_sizes_of(network: nn.Module, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Six (h, w) of the features that a coarse branch gives for a frame (H, W), fine to coarse."""
    training = network.training
    device = next(network.parameters()).device
    _, features = network.eval()(torch.zeros(1, 3, *size, device=device))
    network.train(training)
    return tuple((int(f.shape[-2]), int(f.shape[-1])) for f in features)
