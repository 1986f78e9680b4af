# SPDX-License-Identifier: Apache-2.0
"""How cost grows with the size of a frame and the number of cameras that share one engine."""

import time
from statistics import median
from typing import Any

from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.tiling import choose_grid, count_tiles


def measure_growth(
    engine: DepthEngine, sizes: list[tuple[int, int]], cameras: list[int], *, repeats: int
) -> list[dict[str, Any]]:
    """A row for each size (height, width) and number of cameras: a round computes one frame of every camera."""
    rows = []
    for height, width in sizes:
        frames = [random_frame(height, width, seed=seed) for seed in range(max(cameras))]
        engine(frames[0])
        for count in cameras:
            rounds, cpu = [], []
            for _ in range(repeats):
                start, cpu_start = time.perf_counter(), time.process_time()
                for camera in range(count):
                    engine(frames[camera])
                rounds.append((time.perf_counter() - start) * 1e3)
                cpu.append((time.process_time() - cpu_start) * 1e3)
            megapixels = count * height * width / 1e6
            grid = engine.grid or choose_grid(height, width)
            rows.append(
                {
                    "size": f"{width}x{height}",
                    "cameras": count,
                    "tiles": count * count_tiles(engine.mode, grid),
                    "round_ms": round(median(rounds), 1),
                    "ms_per_megapixel": round(median(rounds) / megapixels, 2),
                    "cpu_ms_per_megapixel": round(median(cpu) / megapixels, 2),
                    "ms_per_tile": round(median(rounds) / (count * count_tiles(engine.mode, grid)), 2),
                }
            )
    return rows
