# SPDX-License-Identifier: Apache-2.0
"""What the package promises, as a type checker sees it: `make lint` runs mypy on this file, nobody runs the file.

A public name that lost its types would be Any, and `assert_type` would say so.
"""

from pathlib import Path

import numpy as np
import torch
from typing_extensions import assert_type

from prv2_ros import (
    DepthEngine,
    PatchRefiner,
    boundary_metrics,
    convert_reference_state_dict,
    create_refiner,
    depth_metrics,
)
from prv2_ros.bags import BagReader, Record, Topic
from prv2_ros.camera import CameraModel
from prv2_ros.engine.timing import FrameTiming


def engine(rgb: np.ndarray) -> None:
    """Depth of a picture."""
    loaded = DepthEngine.load("prv2s", device="auto", precision="auto", grid=(4, 4), mode="p16")
    assert_type(loaded, DepthEngine)
    depth_m, timing = loaded(rgb, focal_px=(1450.0, 1440.0))
    assert_type(depth_m, np.ndarray)
    assert_type(timing, FrameTiming)
    assert_type(timing.total_ms, float)
    assert_type(loaded.infer(rgb, focal_px=None).depth, torch.Tensor)
    assert_type(loaded.coarse(rgb, focal_px=1450.0), np.ndarray)
    assert_type(loaded.process_size, tuple[int, int])
    loaded.close()


def network(coarse: torch.nn.Module, frame: torch.Tensor) -> None:
    """Parts of the network."""
    refiner: torch.nn.Module = create_refiner("prv2s")
    model = PatchRefiner(coarse, refiner, (384, 512))
    assert_type(model, PatchRefiner)
    state: dict[str, torch.Tensor] = convert_reference_state_dict({"key": frame}, "prv2m")
    refiner.load_state_dict(state)


def metrics(depth_m: np.ndarray) -> None:
    """Measures of a depth map."""
    measured: dict[str, float] = depth_metrics(depth_m, depth_m)
    edges: dict[str, float] = boundary_metrics(depth_m, depth_m)
    measured.update(edges)


def recording(path: Path, info: object, rgb: np.ndarray) -> None:
    """A recording and its camera."""
    with BagReader(path) as reader:
        assert_type(reader.topics, list[Topic])
        for record in reader.messages():
            assert_type(record, Record)
            assert_type(record.data, bytes)
    model = CameraModel.from_info(info, width=640, height=480)
    assert_type(model.focal_px, tuple[float, float] | None)
    assert_type(model.rectify(rgb), np.ndarray)
