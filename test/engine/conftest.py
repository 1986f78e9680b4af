# SPDX-License-Identifier: Apache-2.0
"""A small real network with random weights, in a real weights file."""

import pytest
import torch

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """Random prv2s weights at a 64x96 process size, so that a tile costs milliseconds."""
    torch.manual_seed(0)
    coarse = create_coarse("small")
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    header = WeightsHeader(
        variant="prv2s",
        coarse="small",
        coarse_channels=coarse.channels,
        process_size=(64, 96),
        canonical_focal_px=75.0,
        provenance={"recipe": "none, random"},
    )
    save_weights(path, refiner=create_refiner("prv2s"), coarse=coarse, header=header)
    return path
