# SPDX-License-Identifier: Apache-2.0
"""The networks of a weights file, of every small coarse kind."""

import pytest
import torch
from tiny_weights import write_tiny_feature_weights, write_tiny_weights

from prv2_ros.engine.networks import create_networks


@pytest.mark.parametrize(("write", "sizes"), [(write_tiny_weights, []), (write_tiny_feature_weights, [(48, 64)])])
def test_a_weights_file_gives_its_coarse_branch_back(tmp_path, write, sizes):
    header, refiner, coarse = create_networks(write(tmp_path / "weights.safetensors"))
    with torch.inference_mode():
        depth, features, *_ = coarse(torch.rand(1, 3, *header.process_size))
    assert depth.shape == (1, 1, *header.process_size)
    assert [tuple(f.shape[-2:]) for f in features[:1]] == sizes
    assert len(features) == len(header.coarse_channels) and not refiner.training
