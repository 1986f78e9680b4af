# SPDX-License-Identifier: Apache-2.0
"""A small real network with random weights, in a real weights file."""

import pytest
from tiny_weights import write_tiny_weights


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """Random prv2s weights at a 64x96 process size, so that a tile costs milliseconds."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    provenance = {"recipe": "none, random"}
    return write_tiny_weights(path, process_size=(64, 96), canonical_focal_px=75.0, provenance=provenance)
