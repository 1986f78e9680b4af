# SPDX-License-Identifier: Apache-2.0
"""The real small network with random numbers and a tiny process size: tools are tested, not depth."""

from pathlib import Path
from typing import Any

import torch

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner


def write_tiny_weights(path: Path, *, process_size: tuple[int, int] = (96, 128), **header: Any) -> Path:
    """Write the weights file and return its path; `header` has more fields of the `WeightsHeader`."""
    torch.manual_seed(0)
    variant = header.get("variant", "prv2s")
    refiner, coarse = create_refiner(variant), create_coarse(header.get("coarse", "small"))
    channels = refiner.coarse_channels
    fields = {"variant": variant, "coarse": "small", "coarse_channels": channels, "process_size": process_size}
    save_weights(path, refiner=refiner, coarse=coarse, header=WeightsHeader(**{**fields, **header}))
    return path


def write_tiny_log_weights(path: Path, **header: Any) -> Path:
    """As `write_tiny_weights`, of the refiner that reads depth alone beside the light coarse branch."""
    return write_tiny_weights(path, variant="prv2s-log", coarse="light", **header)
