# SPDX-License-Identifier: Apache-2.0
"""Depth Anything V2 small beside this engine, in the same run."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.bench.measure import timed_ms
from prv2_ros.bench.report import table
from prv2_ros.bench.subject import random_frame
from prv2_ros.engine.device import running_on
from prv2_ros.engine.engine import DepthEngine
from prv2_ros.engine.runtimes import openvino as openvino_runtime
from prv2_ros.engine.runtimes.networks import Exportable
from prv2_ros.errors import Prv2Error
from prv2_ros.model.coarse import peers

SIDE = 518  # pixels of the shorter side, as its authors run it


class _DepthAlone(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor) -> Tensor:
        return self.network(rgb).predicted_depth


def measure_peers(engine: DepthEngine, size: tuple[int, int], *, frames: int) -> list[dict[str, Any]]:
    """One row each for our engine on a frame of (height, width) and Depth Anything V2 small at 518 pixels.

    They take turns, so that other load on the machine affects both. Resizing is not counted.

    Raises:
        Prv2Error: transformers is not installed.
    """
    try:
        network = _DepthAlone(peers.depth_anything_small()).eval()
    except ImportError as error:
        raise Prv2Error(f"{error.name} is not installed: pip install transformers") from error
    height, width = size
    fitted = _fitted(height, width)
    exportable = Exportable("peer", network, {"rgb": (1, 3, *fitted)}, ("depth",))
    rgb, picture = random_frame(height, width), torch.rand(1, 3, *fitted)
    name = "Depth Anything V2 small"
    calls: dict[tuple[str, str], tuple[Callable[[], Any], tuple[int, int]]] = {}
    calls["this engine, " + engine.weights_name, engine.runtime] = (lambda: engine(rgb), size)
    with tempfile.TemporaryDirectory(prefix="prv2-peers-") as folder:
        try:
            openvino_runtime.build(exportable, Path(folder))
            run = openvino_runtime.load(exportable, Path(folder), device="cpu", precision="fp32")
            calls[name, "openvino"] = (lambda: run(picture), fitted)
        except ImportError:
            pass  # no such row then
        network.to(engine.device)
        there = picture.to(engine.device)

        @torch.inference_mode()
        def plain() -> None:
            with running_on(engine.device), engine.autocast():
                network(there)

        calls[name, "torch"] = (plain, fitted)
        times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
        for frame in range(frames + 1):
            for key, (call, _) in calls.items():
                ms = timed_ms(call, engine.device)
                if frame:
                    times[key].append(ms)
    return [_row(*key, calls[key][1], times[key]) for key in calls]


def _fitted(height: int, width: int) -> tuple[int, int]:
    """The shorter side 518 pixels, both multiples of the 14 pixels of a patch."""
    factor = SIDE / min(height, width)
    return round(height * factor / 14) * 14, round(width * factor / 14) * 14


def _row(name: str, runtime: str, size: tuple[int, int], samples: list[float]) -> dict[str, Any]:
    ms = median(samples)
    return {
        "network": name,
        "runtime": runtime,
        "size": f"{size[1]}x{size[0]}",
        "ms": round(ms, 1),
        "spread_ms": round(float(np.subtract(*np.percentile(samples, (75, 25)))), 1),
        "megapixels_per_s": round(size[0] * size[1] / ms / 1e3, 3),
    }


def peers_as_text(rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    columns = ("network", "runtime", "size", "ms", "spread_ms", "megapixels_per_s")
    header = ["network", "runtime", "depth of", "ms", "middle half", "megapixels a second"]
    return table(header, [[row[name] for name in columns] for row in rows])
