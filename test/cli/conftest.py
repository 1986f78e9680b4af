# SPDX-License-Identifier: Apache-2.0
"""Weights of the real network with random numbers: the tools are tested, not the depth."""

import pytest
import torch

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    torch.manual_seed(0)
    refiner, coarse = create_refiner("prv2s"), create_coarse("small")
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    header = WeightsHeader(variant="prv2s", coarse="small", coarse_channels=refiner.coarse_channels)
    save_weights(path, refiner=refiner, coarse=coarse, header=header)
    return path
