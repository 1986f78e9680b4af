# SPDX-License-Identifier: Apache-2.0
"""Stochastic depth of the coarse branch's encoder."""

import torch

from prv2_ros.model import create_coarse
from prv2_ros.training.recipe import Recipe
from prv2_ros.training.single_modules import CoarseModule


def encoder_outputs(*, rate: float, training: bool) -> list[torch.Tensor]:
    """The last feature map of two passes of the same frames, batch statistics frozen."""
    torch.manual_seed(0)
    module = CoarseModule(create_coarse("small"), Recipe(drop_path=rate)).eval()
    if training:
        for part in module.coarse.encoder.modules():
            if type(part).__name__ == "DropPath":
                part.train()
    rgb = torch.rand(4, 3, 64, 64)
    with torch.inference_mode():
        return [module.coarse.encoder(rgb)[-1] for _ in range(2)]


def test_blocks_are_left_out_at_random_in_training():
    first, second = encoder_outputs(rate=0.5, training=True)
    assert not torch.equal(first, second)


def test_without_a_rate_training_leaves_nothing_out():
    first, second = encoder_outputs(rate=0.0, training=True)
    assert torch.equal(first, second)


def test_the_trained_network_is_whole():
    with_rate, without = (encoder_outputs(rate=rate, training=False)[0] for rate in (0.5, 0.0))
    assert torch.equal(with_rate, without)


def test_views_have_the_size_that_the_network_sees_in_the_engine():
    assert CoarseModule(create_coarse("small"), Recipe()).view_size == (192, 256)
