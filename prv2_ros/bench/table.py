# SPDX-License-Identifier: Apache-2.0
"""Tables of `prv2 bench`: several frame sizes and coarse networks in one run."""

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from prv2_ros.bench.measure import measure_frames
from prv2_ros.bench.report import table
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.errors import Prv2Error
from prv2_ros.model.coarse import peers
from prv2_ros.tiling import choose_grid, count_tiles

RANDOM = "random-depth-anything-v2-"


def measure_table(
    load: Callable[[str | None], DepthEngine],
    names: Sequence[str | None],
    sizes: Sequence[tuple[int, int]],
    *,
    frames: int,
) -> list[dict[str, Any]]:
    """One row for each coarse network and frame size.

    Args:
        load: makes an engine with a coarse source.
        names: None (the weights' own branch), folders or hub names, or `RANDOM` with small, base or large for a
            network of that size with random weights.
        sizes: (height, width) of the frames.
        frames: measured for each row, after one that does not count.

    Raises:
        Prv2Error: a network cannot be loaded.
    """
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="prv2-coarse-") as folder:
            engine = load(_saved(name, folder) if name and name.startswith(RANDOM) else name)
            try:
                rows += [_row(engine, name, size, frames) for size in sizes]
            finally:
                engine.close()
    return rows


def _row(engine: DepthEngine, name: str | None, size: tuple[int, int], frames: int) -> dict[str, Any]:
    times = measure_frames(engine, random_frame(*size), frames=frames, warm_up=1)
    stages, megapixels = times["stages_ms"], size[0] * size[1] / 1e6
    return {
        "coarse": name or engine.coarse_name,
        "parameters_m": round(sum(p.numel() for p in engine.model.coarse.parameters()) / 1e6, 2),
        "size": f"{size[1]}x{size[0]}",
        "tiles": count_tiles(engine.mode, engine.grid or choose_grid(*size)),
        "coarse_ms": stages["coarse"]["p50"],
        "total_ms": stages["total"]["p50"],
        "ms_per_megapixel": round(stages["total"]["p50"] / megapixels, 2),
        "cpu_ms_per_megapixel": round(times["cpu_ms"] / megapixels, 2),
        "peak_memory_mib": times["peak_memory_mib"],
    }


def table_as_text(rows: list[dict[str, Any]]) -> str:
    """The rows as a table for a terminal."""
    columns = ["coarse", "parameters_m", "size", "tiles", "coarse_ms", "total_ms"]
    columns += ["ms_per_megapixel", "cpu_ms_per_megapixel"]
    header = ["coarse depth of", "M parameters", "frame", "tiles", "coarse ms", "frame ms", "ms/MP", "CPU ms/MP"]
    memory = list(rows[0]["peak_memory_mib"])
    cells = [
        [*(row[name] for name in columns), *(f"{row['peak_memory_mib'][name]:.0f}" for name in memory)] for row in rows
    ]
    return table([*header, *(f"{name} MiB" for name in memory)], cells)


def _saved(name: str, folder: str) -> str:
    size = name.removeprefix(RANDOM)
    if size not in peers.DEPTH_ANYTHING:
        raise Prv2Error(f"no network '{name}': use {RANDOM} with {', '.join(peers.DEPTH_ANYTHING)}")
    try:
        peers.save_depth_anything(size, folder)
    except ImportError as error:
        raise Prv2Error(f"{error.name} is not installed: pip install transformers") from error
    return folder
