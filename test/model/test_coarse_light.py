# SPDX-License-Identifier: Apache-2.0
"""The default's coarse branch: depth, and the error that it expects of it."""

import pytest
import torch

from prv2_ros.model import create_coarse


@pytest.fixture(scope="module")
def coarse():
    torch.manual_seed(0)
    return create_coarse("light").eval()


@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_depth_has_the_frames_size_and_the_error_half_of_it(coarse, size):
    with torch.inference_mode():
        depth, features, error = coarse(torch.rand(2, 3, *size))
    assert depth.shape == (2, 1, *size) and (depth > 0).all() and features == []
    assert error.shape == (2, 1, size[0] // 2, size[1] // 2) and (error > 0).all()
    assert coarse.tells_error and coarse.channels == ()


def test_places_of_a_frame_see_one_another(coarse):
    """Scale is a property of the whole scene: one corner changes the depth of the opposite one."""
    frame = torch.full((1, 3, 64, 256), 0.5)
    other = frame.clone()
    other[..., :32] = torch.rand(1, 3, 64, 32)
    with torch.inference_mode():
        change = coarse.predict(other)[0] - coarse.predict(frame)[0]
    assert change[..., -8:].abs().max() > 0


def test_learning_the_error_leaves_the_depth_alone(coarse):
    log_depth, log_error = coarse.predict(torch.rand(1, 3, 64, 64))
    log_error.sum().backward()
    assert coarse.log_error.weight.grad.abs().sum() > 0
    assert all(p.grad is None for name, p in coarse.named_parameters() if not name.startswith("log_error."))
    assert log_depth.shape == log_error.shape
