# SPDX-License-Identifier: Apache-2.0
"""The systems of the cost table, at full size with random weights."""

from dataclasses import dataclass

import torch
from torch import nn

from prv2_ros.model import BASELINES, create_coarse, create_refiner
from prv2_ros.model.baselines.builders import feature_sizes_of
from prv2_ros.tiling import PatchRefiner

ZOEDEPTH = "zoedepth"


@dataclass(frozen=True)
class Method:
    """One row of the cost table.

    Attributes:
        title: of the row.
        variant: of the refiner; None for the coarse branch alone.
        coarse: kind of the coarse branch, and of the refiner's fine network if it has one.
        mode: "p16" or "p49".
        process_size: (h, w) of frame and tile.
        guided: sharpen the coarse depth with a guided filter.
        paper_ratio: frame time relative to PRV2M's P16 in the paper (UnrealStereo4K), or None.
    """

    title: str
    variant: str | None
    coarse: str = ZOEDEPTH
    mode: str = "p16"
    process_size: tuple[int, int] = (384, 512)
    guided: bool = False
    paper_ratio: float | None = None

    def build(self) -> PatchRefiner | nn.Module:
        """The network with random weights on torch's default device."""
        coarse = create_coarse(self.coarse, random=True)
        if self.variant is None:
            return coarse.eval()
        arguments = {}
        if self.variant in BASELINES:
            sizes = feature_sizes_of(coarse, self.process_size) if self.variant == "patchfusion" else None
            arguments = {"fine": create_coarse(self.coarse, random=True), "feature_sizes": sizes}
        refiner = create_refiner(self.variant, coarse_channels=tuple(coarse.channels), **arguments)
        return PatchRefiner(coarse, refiner, self.process_size, tile_batch=1).eval()


# PRV2M comes first: the others are ratios to it. The paper: 3.44 s, 1.45 s and 0.32 s.
METHODS: dict[str, Method] = {
    "prv2m": Method("ours, PRV2M, P16", "prv2m", paper_ratio=1.0),
    "prv2m-p49": Method("ours, PRV2M, P49", "prv2m", mode="p49"),
    "prv2s": Method("ours, prv2s, P16", "prv2s", coarse="light"),
    "prv1": Method("PatchRefiner V1, P16", "prv1", paper_ratio=1.45 / 0.32),
    "patchfusion": Method("PatchFusion, P16", "patchfusion", paper_ratio=3.44 / 0.32),
    "pro": Method("PRO, 16 tiles", "pro", coarse="relative-vitl", process_size=(518, 518)),
    "coarse": Method("coarse (ZoeDepth), upsampled", None),
    "guided": Method("coarse, guided filter", None, guided=True),
}


def count(module: nn.Module | None) -> int:
    """Number of parameters; 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def on_meta(method: Method) -> PatchRefiner | nn.Module:
    """The network without contents, for counting."""
    with torch.device("meta"):
        return method.build()
