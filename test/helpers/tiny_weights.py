# SPDX-License-Identifier: Apache-2.0
"""The real small network with random numbers and a tiny process size: tools are tested, not depth."""

from pathlib import Path

import torch

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner


def write_tiny_weights(path: Path) -> Path:
    """Write the weights file and return its path."""
    torch.manual_seed(0)
    refiner, coarse = create_refiner("prv2s"), create_coarse("small")
    channels = refiner.coarse_channels
    header = WeightsHeader(variant="prv2s", coarse="small", coarse_channels=channels, process_size=(96, 128))
    save_weights(path, refiner=refiner, coarse=coarse, header=header)
    return path
