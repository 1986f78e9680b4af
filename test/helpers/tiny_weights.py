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
    fields = {"variant": "prv2s", "coarse": "light", "process_size": process_size, **header}
    refiner, coarse = create_refiner(fields["variant"]), create_coarse(fields["coarse"])
    fields = {"coarse_channels": refiner.coarse_channels, **fields}
    save_weights(path, refiner=refiner, coarse=coarse, header=WeightsHeader(**fields))
    return path


def write_tiny_feature_weights(path: Path, **header: Any) -> Path:
    """As `write_tiny_weights`, of a refiner that reads features of its coarse branch, as the published ones do."""
    return write_tiny_weights(path, variant="prv2m-narrow", coarse="small", **header)
