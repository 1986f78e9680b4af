# SPDX-License-Identifier: Apache-2.0
"""What can only be tried where CUDA is: `make gpu` runs it, also on a machine without ROS and network."""

import os
from pathlib import Path

import pytest
import torch

DEVICE = torch.device(os.environ.get("PRV2_GPU_DEVICE", "cuda:0"))  # "cpu" tries the tests themselves


def pytest_collection_modifyitems(items):
    absent = pytest.mark.skip(reason="torch finds no CUDA")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if DEVICE.type == "cuda" and not torch.cuda.is_available():
                item.add_marker(absent)


@pytest.fixture
def cuda():
    """The first CUDA device; what a test leaves there is freed."""
    yield DEVICE
    torch.cuda.empty_cache()
