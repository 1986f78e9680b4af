# SPDX-License-Identifier: Apache-2.0
"""The plain implementation that the engine is compared with: eager, float32, contiguous, one RoIAlign a tile."""

import copy
import resource
import time
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from prv2_ros.bench.measure import synchronise
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.model.layers import resize
from prv2_ros.tiling import PatchRefiner, choose_grid
from prv2_ros.tiling.grid import Box


class RoiAlignedMaps:
    """Coarse depth and features of a frame, cut to tiles by RoIAlign; level k is resized to (h / 2^k, w / 2^k)."""

    def __init__(self, depth: Tensor, features: list[Tensor], grid: tuple[int, int]):
        height, width = depth.shape[-2:]
        self.depth = depth
        self.features = [resize(f, (height >> k, width >> k)).contiguous() for k, f in enumerate(features)]
        self.grid = grid

    def crop(self, boxes: list[Box]) -> tuple[Tensor, list[Tensor]]:
        """Depth (N, 1, h, w) and six features (N, C_k, h_k, w_k) of N boxes."""
        return self._roi(self.depth, boxes), [self._roi(feature, boxes) for feature in self.features]

    @staticmethod
    def _roi(m: Tensor, boxes: list[Box]) -> Tensor:
        height, width = m.shape[-2:]
        corners = [(0, b.x * width, b.y * height, (b.x + b.width) * width, (b.y + b.height) * height) for b in boxes]
        return roi_align(m, torch.tensor(corners).to(m), (height, width), sampling_ratio=1, aligned=True)


class NaivePatchRefiner(PatchRefiner):
    """`PatchRefiner` in the plainest way, on a contiguous float32 copy of the weights: one tile at a time."""

    def __init__(self, model: PatchRefiner):
        plain = nn.ModuleDict({"coarse": copy.deepcopy(model.coarse), "refiner": copy.deepcopy(model.refiner)})
        plain = plain.float().to(memory_format=torch.contiguous_format).eval()
        super().__init__(plain["coarse"], plain["refiner"], model.process_size, model.grid, tile_batch=1)

    def coarse_maps(self, frame: Tensor, grid: tuple[int, int]) -> RoiAlignedMaps:
        """Run the coarse branch on the whole frame (1, 3, H, W)."""
        depth, features, *_ = self.coarse(resize(frame, self.process_size))
        return RoiAlignedMaps(depth, features, grid)

    def refine(self, frame: Tensor, maps: RoiAlignedMaps, boxes: list[Box]) -> Tensor:
        """Depth of tiles (N, h, w), metres, one after the other."""
        depths = []
        for box in boxes:
            rgb = resize(frame[(..., *box.pixels(*frame.shape[-2:]))], self.process_size)
            coarse_depth, features = maps.crop([box])
            depths.append(self.refiner.refine(rgb, coarse_depth, features))
        return torch.cat(depths)[:, 0]


class NaiveEngine:
    """Images in, depth out, with the weights, grid, mode and device of an engine."""

    def __init__(self, engine: DepthEngine):
        # Where an engine runs a copy in 16 bits, the float32 refiner is on the host.
        self.model = NaivePatchRefiner(engine.model).to(engine.device)
        self._engine = engine

    def frame(self, rgb: np.ndarray) -> Tensor:
        """(1, 3, H, W) float32 in [0, 1], contiguous, on the engine's device."""
        return (torch.from_numpy(rgb).to(self._engine.device).permute(2, 0, 1)[None].float() / 255).contiguous()

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Depth (H, W) in metres of the canonical camera."""
        grid = self._engine.grid or choose_grid(*rgb.shape[:2])
        return self.model(self.frame(rgb), self._engine.mode, grid=grid)[0, 0].cpu().numpy()


def compare_naive(engine: DepthEngine, rgb: np.ndarray, *, repeats: int) -> dict[str, Any]:
    """Ratio of the medians, and how far the depths differ; both take turns, without sharpened edges."""
    naive, device = NaiveEngine(engine), engine.device
    sharpened, engine.sharpen_edges = engine.sharpen_edges, False
    calls = {"naive": lambda: naive(rgb), "engine": lambda: engine(rgb)[0]}
    samples: dict[str, list[tuple[float, float, int]]] = {name: [] for name in calls}
    depths = {}
    try:
        calls["engine"]()  # the first frame does not count
        for _ in range(repeats):
            for name, call in calls.items():
                synchronise(device)
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                start, cpu = time.perf_counter(), time.process_time()
                depths[name] = call()
                synchronise(device)
                wall, cpu = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
                samples[name].append((wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults))
    finally:
        engine.sharpen_edges = sharpened
    difference = np.abs(depths["engine"] - depths["naive"])
    relative = difference / np.maximum(np.abs(depths["naive"]), 1e-3)
    wall, cpu, faults = ({name: median(s[i] for s in samples[name]) for name in calls} for i in range(3))
    return {
        "repeats": repeats,
        "naive_ms": round(wall["naive"], 1),
        "engine_ms": round(wall["engine"], 1),
        "ratio": round(wall["naive"] / wall["engine"], 3),
        "cpu_time_ratio": round(cpu["naive"] / cpu["engine"], 3),
        "page_faults": {name: int(count) for name, count in faults.items()},
        "largest_difference_m": float(difference.max()),
        "largest_relative_difference": float(relative.max()),
        "relative_difference_p99_9": float(np.quantile(relative, 0.999)),
    }
