# SPDX-License-Identifier: Apache-2.0
"""Weights for tests of the commands."""

import pytest
from tiny_weights import write_tiny_weights


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    return write_tiny_weights(tmp_path_factory.mktemp("weights") / "random.safetensors")
