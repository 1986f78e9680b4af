# SPDX-License-Identifier: Apache-2.0
"""PRO's training terms against values of its reference implementation."""

import golden
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from prv2_ros.training.losses.pro import (
    bias_free_mask,
    coarse_edges,
    edges,
    group_consistency,
    group_places,
    merge_group,
    unreliable,
)

FILE = "pro_training.npz"
OVERLAP = (24, 24)


def patches():
    return torch.stack([golden.noise(f"patch_{i}", (2, 1, 56, 56)) for i in range(4)], dim=1)


def test_merged_group_and_consistency():
    tiles = patches()
    assert (merge_group(tiles, OVERLAP) - golden.values(FILE, "merged")).abs().max() < 1e-6
    wanted = float(golden.values(FILE, "losses")[-1]) / 4  # the reference's weight of it
    assert group_consistency(tiles, OVERLAP) == pytest.approx(wanted, rel=1e-5)


def test_masks():
    base = 20 * golden.noise("gt_disparity", (1, 1, 6, 8)).abs() + 5
    truth = F.interpolate(base, size=(96, 128), mode="nearest")
    truth = F.avg_pool2d(F.pad(truth, (1, 1, 1, 1), mode="replicate"), 3, 1)
    coarse = F.interpolate((base - 4).sqrt(), size=(48, 64), mode="nearest")
    coarse[..., 10:22, 20:44] = 0.9 * coarse.max()
    ours = {
        "gt_edges": edges(truth),
        "coarse_edges": coarse_edges(coarse, (96, 128)),
        "unreliable": unreliable(coarse, truth),
        "bias_free": bias_free_mask(coarse, truth),
    }
    for name, mask in ours.items():
        bits = np.unpackbits(golden.values(FILE, name).numpy()).reshape(96, 128).astype(bool)
        assert np.array_equal(mask[0, 0].numpy(), bits), name


def test_tiles_of_one_map_agree_and_merge_to_it():
    group = torch.rand(2, 1, 88, 80)
    tiles = torch.stack([group[(..., *place)] for place in group_places((56, 52), OVERLAP)], dim=1)
    assert torch.allclose(merge_group(tiles, OVERLAP), group)
    assert group_consistency(tiles, OVERLAP) == 0
    tiles[:, 3] += 1  # three pairs, each both ways
    assert group_consistency(tiles, OVERLAP) == pytest.approx(6.0, rel=1e-5)
    mask = torch.zeros(2, 4, 1, 56, 52, dtype=torch.bool)
    assert group_consistency(tiles, OVERLAP, mask) == 0


def test_unknown_truth_does_not_set_the_scale():
    coarse = torch.linspace(1, 2, 16).view(1, 1, 1, 16).expand(1, 1, 16, 16)
    truth = coarse.clone()
    truth[..., 5:8] = 100.0
    known = truth < 100
    assert unreliable(coarse, truth)[known].any()
    assert not unreliable(coarse, truth, known)[known].any()
