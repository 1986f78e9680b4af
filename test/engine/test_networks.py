# SPDX-License-Identifier: Apache-2.0
"""The header names the network: the same tensors at another share of the frame are another coarse branch."""

import pytest
from tiny_weights import write_tiny_weights

from prv2_ros.engine.networks import create_networks

SEEN = {
    "small": (48, 64),
    "small-fine": (60, 80),
    "small-lite2": (60, 80),
    "small-lite2-fine": (72, 96),
    "small-twice": (48, 64),
    "small-pair": (60, 80),
    "small-pair-fine": (60, 80),
}


@pytest.mark.parametrize(("kind", "seen"), SEEN.items())
def test_the_coarse_branch_sees_the_share_that_its_kind_says(tmp_path, kind, seen):
    path = write_tiny_weights(tmp_path / "weights.safetensors", coarse=kind)
    header, _, coarse = create_networks(path)
    assert (header.coarse, coarse.internal_size(header.process_size)) == (kind, seen)
