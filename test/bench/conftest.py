# SPDX-License-Identifier: Apache-2.0
"""A small real network with random weights at a size where a frame costs milliseconds."""

import pytest
import torch

from prv2_ros.bench.subject import random_engine, random_frame


@pytest.fixture(scope="session")
def tiny_engine():
    return random_engine("prv2s", device="cpu", precision="fp32", grid=(1, 2), process_size=(64, 96))


@pytest.fixture(scope="session")
def rgb():
    return random_frame(96, 160)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
