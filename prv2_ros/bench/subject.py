# SPDX-License-Identifier: Apache-2.0
"""Engines with random weights, and random frames, for measuring."""

import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.engine.device import resolve_device, resolve_precision
from prv2_ros.engine.engine import DEFAULT_TILE_BATCH, DepthEngine
from prv2_ros.engine.weights import WeightsHeader
from prv2_ros.errors import Prv2Error
from prv2_ros.model import VARIANTS, create_coarse, create_refiner
from prv2_ros.model.layers import conv1, resize
from prv2_ros.tiling import PatchRefiner

PROCESS_SIZE = (384, 512)


class WidenedCoarse(nn.Module):
    """The small coarse branch, widened to the channels of a variant (six, fine to coarse).

    It replaces ZoeDepth and the like, which are not shipped: the refiner has its full work, the coarse stage has not.
    """

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.small = create_coarse("small")
        self.widen = nn.ModuleList(conv1(own, wide, bias=True) for own, wide in zip(self.small.channels, channels))

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth (B, 1, h, w) in metres and six features of (B, C_k, h / 2^k, w / 2^k) for an image (B, 3, h, w)."""
        depth, features = self.small(rgb)
        height, width = rgb.shape[-2:]
        sizes = [(height >> k, width >> k) for k in range(len(features))]
        return depth, [resize(widen(f), size) for f, widen, size in zip(features, self.widen, sizes)]


def random_engine(
    variant: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    grid: tuple[int, int] | None = None,
    mode: str = "p16",
    acceleration: str = "auto",
    runtime: str = "torch",
    process_size: tuple[int, int] = PROCESS_SIZE,
    seed: int = 0,
) -> DepthEngine:
    """An engine of any variant with random weights, for real times but meaningless depth.

    Edge sharpening is off: in noise everything is an edge, which would cost several times as much.

    Raises:
        Prv2Error: there is no such variant.
        ValueError: device, precision, mode or runtime cannot be used.
    """
    if variant not in VARIANTS:
        raise Prv2Error(f"no variant '{variant}': choose from {', '.join(VARIANTS)}")
    torch.manual_seed(seed)
    refiner = create_refiner(variant)
    channels = refiner.coarse_channels
    kind = "small" if channels else "light"
    own = create_coarse(kind)
    coarse = own if tuple(own.channels) == channels else WidenedCoarse(channels)
    resolved = resolve_device(device)
    header = WeightsHeader(variant=variant, coarse=kind, coarse_channels=channels, process_size=process_size)
    model = PatchRefiner(coarse, refiner, process_size, tile_batch=DEFAULT_TILE_BATCH.get(resolved.type, 4))
    return DepthEngine(
        model,
        header,
        weights_name=f"random {variant}",
        device=resolved,
        precision=resolve_precision(precision, resolved),
        grid=grid,
        mode=mode,
        sharpen_edges=False,
        acceleration=acceleration,
        runtime=runtime,
    )


def random_frame(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 of smooth shapes with grain."""
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.rand(1, 3, 12, 16, generator=generator)
    picture = nn.functional.interpolate(shapes, size=(height, width), mode="bilinear") * 200
    grain = torch.randint(0, 40, (height, width, 3), generator=generator)
    # Contiguous rows, like a camera image.
    return (picture[0].permute(1, 2, 0) + grain).clamp(0, 255).to(torch.uint8).contiguous().numpy()
