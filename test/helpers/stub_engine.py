# SPDX-License-Identifier: Apache-2.0
"""An engine whose depth is a formula of the pixels, for tests of the node without a network.

It has the public face of `prv2_ros.engine.DepthEngine`. Its behaviour is written into the name of the weights:
"stub", "stub:delay_ms=200", "stub:fail_every=3,oom_every=5". Names that do not begin with "stub" are missing files.
"""

import math
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch

from prv2_ros.engine.timing import FrameTiming
from prv2_ros.errors import ImageError, Prv2Error, WeightsError

CANONICAL_FOCAL_PX = 400.0
TILES = 16


def stub_depth(rgb: np.ndarray, focal_px: tuple[float, float] | None) -> np.ndarray:
    """Depth in metres: red / 10 + 25.6 green, infinite where blue is 255; times the focal scale."""
    height, width = rgb.shape[:2]
    depth = rgb[..., 0].astype(np.float32) * 0.1 + rgb[..., 1].astype(np.float32) * 25.6
    depth[rgb[..., 2] == 255] = np.inf
    if focal_px is not None:
        depth *= math.sqrt(focal_px[0] * 512 / width * focal_px[1] * 384 / height) / CANONICAL_FOCAL_PX
    return depth


@dataclass
class StubResult:
    """As `prv2_ros.engine.DepthResult`, whose module would import the networks."""

    depth: torch.Tensor
    timing: FrameTiming
    log_error: torch.Tensor | None = None


@dataclass
class StubEngine:
    """See the module."""

    weights_name: str
    delay_ms: float = 0.0
    load_ms: float = 0.0
    fail_every: int = 0
    crash_every: int = 0
    oom_every: int = 0
    lost_after: int = 0
    knows_error: int = 0
    frames: int = 0
    budget: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(latency_ms=None))
    sharpen_edges: bool = True
    device = torch.device("cpu")
    precision: str = "fp32"
    runtime: str = "torch"
    variant: str = "stub"
    process_size: tuple[int, int] = (384, 512)
    canonical_focal_px: float | None = CANONICAL_FOCAL_PX
    min_depth_m: float = 0.1
    max_depth_m: float = 100.0

    @classmethod
    def load(
        cls, weights="stub", device="auto", precision="auto", *, grid=None, mode="p16", coarse=None, runtime="auto"
    ) -> "StubEngine":
        if not weights.startswith("stub"):
            raise WeightsError(f"{weights}: no such weights file")
        pairs = [pair.split("=") for pair in weights.partition(":")[2].split(",") if pair]
        engine = cls(weights, **{key: type(getattr(cls, key))(float(value)) for key, value in pairs})
        engine.precision = "fp32" if precision == "auto" else precision
        engine.runtime = runtime
        engine.canonical_focal_px = None if coarse else CANONICAL_FOCAL_PX  # another coarse source answers in metres
        engine.settings = f"grid={grid} mode={mode} device={device} runtime={runtime} coarse={coarse}"
        engine.weights_name = f"{weights} {engine.settings}"
        time.sleep(engine.load_ms / 1e3)
        return engine

    def infer(self, rgb: np.ndarray, focal_px=None, *, stream: str = "", coarse_depth_m=None) -> StubResult:
        """Formula or the measured depth, and delay; within a budget a share of both tiles and delay.

        Edges that stay soft are only told.
        """
        tiles = TILES
        if self.budget.latency_ms:
            tiles = min(max(int(TILES * self.budget.latency_ms / max(self.delay_ms, 1.0)), 1), TILES)
        self.weights_name = self.weights_name.removesuffix(" soft") + ("" if self.sharpen_edges else " soft")
        self.frames += 1
        if min(rgb.shape[:2]) < 2:
            raise ImageError(f"image of {rgb.shape[1]}x{rgb.shape[0]} pixels is too small")
        if self.fail_every and self.frames % self.fail_every == 0:
            raise ValueError(f"frame {self.frames} fails on purpose")
        if self.oom_every and self.frames % self.oom_every == 0:
            raise Prv2Error("cpu has not enough memory for one tile")
        if self.lost_after and self.frames > self.lost_after:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if self.crash_every and self.frames % self.crash_every == 0:
            raise SystemExit("the thread is meant to die")
        start = time.perf_counter()
        depth = torch.from_numpy(stub_depth(rgb, focal_px if self.canonical_focal_px else None))
        if coarse_depth_m is not None:
            measured = torch.from_numpy(coarse_depth_m)[None, None]
            depth = torch.nn.functional.interpolate(measured, depth.shape, mode="nearest")[0, 0]
        while (left := start + self.delay_ms * tiles / TILES / 1e3 - time.perf_counter()) > 0:
            time.sleep(left)
        took = (time.perf_counter() - start) * 1e3
        # Of log depth: a hundredth for each step of blue.
        log_error = torch.from_numpy(rgb[..., 2].astype(np.float32) / 100) if self.knows_error else None
        return StubResult(depth, FrameTiming(tiles_ms=took, total_ms=took, tiles=tiles, tiles_total=TILES), log_error)

    def warm_up(self, height: int, width: int) -> float:
        """Nothing to warm; the size is told."""
        self.weights_name += f" warm={width}x{height}"
        return 0.0

    def close(self) -> None:
        """Nothing to free; a lost device cannot even do that."""
        if self.lost_after and self.frames > self.lost_after:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
