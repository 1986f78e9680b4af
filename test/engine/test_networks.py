# SPDX-License-Identifier: Apache-2.0
"""The header names the network: the same tensors at another share of the frame are another coarse branch."""

import pytest
import torch
from tiny_weights import write_tiny_weights

from prv2_ros import DepthEngine
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


@pytest.mark.parametrize("kind", ["small-fine", "small-twice", "small-pair", "small-pair-fine"])
def test_the_fast_engine_takes_every_kind(tmp_path, kind):
    path = write_tiny_weights(tmp_path / "weights.safetensors", coarse=kind)
    rgb = (torch.rand(192, 256, 3) * 255).to(torch.uint8).numpy()
    depths = []
    for fast in (False, True):
        engine = DepthEngine.load(path, device="cpu", precision="fp32", grid=(2, 2), fast=fast)
        depths.append(torch.from_numpy(engine(rgb, focal_px=200.0)[0]))
        engine.close()
    torch.testing.assert_close(depths[0], depths[1], rtol=1e-4, atol=1e-4)
