# SPDX-License-Identifier: Apache-2.0
"""Time and memory of coarse networks in front of one refiner, in one run."""

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from prv2_ros.bench.measure import measure_frames
from prv2_ros.bench.report import table
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.errors import Prv2Error
from prv2_ros.model.coarse import peers

RANDOM = "random-depth-anything-v2-"


def measure_coarse(
    load: Callable[[str | None], DepthEngine], names: Sequence[str], size: tuple[int, int], *, frames: int
) -> list[dict[str, Any]]:
    """A row for the weights' own branch, and one for each name.

    Args:
        load: makes an engine with a source of coarse depth, None for the weights' own.
        names: folders, hub names, or `RANDOM` with small, base or large: a network of that size with random weights.
        size: (height, width) of the frame.
        frames: how many count, after one that does not.

    Raises:
        Prv2Error: a network cannot be loaded.
    """
    rgb = random_frame(*size)
    rows = []
    for name in (None, *names):
        with tempfile.TemporaryDirectory(prefix="prv2-coarse-") as folder:
            engine = load(_saved(name, folder) if name and name.startswith(RANDOM) else name)
            try:
                times = measure_frames(engine, rgb, frames=frames, warm_up=1)
                parameters = sum(p.numel() for p in engine.model.coarse.parameters())
            finally:
                engine.close()
        stages = times["stages_ms"]
        rows.append(
            {
                "coarse": name or f"{engine.coarse_name} (its own)",
                "parameters_m": round(parameters / 1e6, 2),
                "coarse_ms": stages["coarse"]["p50"],
                "total_ms": stages["total"]["p50"],
                "peak_memory_mib": times["peak_memory_mib"],
            }
        )
    return rows


def coarse_as_text(rows: list[dict[str, Any]]) -> str:
    """The rows as a table for a terminal."""
    memory = list(rows[0]["peak_memory_mib"])
    header = ["coarse depth of", "M parameters", "coarse ms", "frame ms", *(f"{name} MiB" for name in memory)]
    cells = [
        [row["coarse"], row["parameters_m"], f"{row['coarse_ms']:.1f}", f"{row['total_ms']:.1f}"]
        + [f"{row['peak_memory_mib'][name]:.0f}" for name in memory]
        for row in rows
    ]
    return table(header, cells)


def _saved(name: str, folder: str) -> str:
    size = name.removeprefix(RANDOM)
    if size not in peers.DEPTH_ANYTHING:
        raise Prv2Error(f"no network '{name}': {RANDOM} goes with {', '.join(peers.DEPTH_ANYTHING)}")
    try:
        peers.save_depth_anything(size, folder)
    except ImportError as error:
        raise Prv2Error(f"{error.name} is not installed: pip install transformers") from error
    return folder
