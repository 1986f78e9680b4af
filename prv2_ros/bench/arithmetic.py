# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of a frame, and the peak rate of this machine."""

import copy
import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from prv2_ros.bench.measure import synchronise
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.tile_step import TileStep

_PEAK_SHAPES = {"cpu": (1, 256, 192, 256), "cuda": (16, 256, 192, 256)}
_PEAK_S = 1.5


@dataclass(frozen=True)
class Arithmetic:
    """Operations in 1e9; a multiplication and its addition are two. Element-wise operations are not counted.

    Attributes:
        coarse: the coarse branch, once a frame.
        tile: the refiner on one tile.
    """

    coarse: float
    tile: float


@torch.inference_mode()
def count_arithmetic(model: PatchRefiner) -> Arithmetic:
    """Count with torch: the refiner on meta tensors, the coarse branch while it runs."""
    height, width = model.process_size
    refiner = copy.deepcopy(model.refiner).to("meta")
    sizes = getattr(refiner, "feature_sizes", None) or [(height >> k, width >> k) for k in range(6)]
    features = [
        torch.empty(1, channels, *size, device="meta") for channels, size in zip(refiner.coarse_channels, sizes)
    ]
    rgb, depth = (torch.empty(1, channels, height, width, device="meta") for channels in (3, 1))
    once = getattr(refiner, "frame_inputs", None)
    inputs, boxes = once(depth, features) if once else None, torch.empty(1, 4, device="meta")
    with _counter() as plain:
        TileStep(refiner)(rgb, boxes, depth, features, inputs)
    device = next(model.coarse.parameters()).device
    frame = torch.zeros(1, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
    # The plain modules: CUDA graphs and compiled code cannot be counted.
    with _counter() as coarse:
        model.coarse(frame)
    return Arithmetic(*(counter.get_total_flops() / 1e9 for counter in (coarse, plain)))


def _counter() -> FlopCounterMode:
    def mkldnn(x, weight, *_, out_shape=None, **__):
        return 2 * math.prod(out_shape) * math.prod(weight[1:])

    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_convolution: mkldnn})


@torch.inference_mode()
def convolution_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Best rate of a large 3x3 convolution of 256 channels on this machine [GFLOP/s], in channels_last."""
    shape = _PEAK_SHAPES.get(device.type, _PEAK_SHAPES["cpu"])
    channels = shape[1]
    x = torch.randn(shape, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    gflop = 2 * 9 * channels * x.numel() / 1e9
    best, end = float("inf"), time.perf_counter() + _PEAK_S
    while time.perf_counter() < end or best == float("inf"):
        synchronise(device)
        start = time.perf_counter()
        F.conv2d(x, weight, padding=1)
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return gflop / best
