# SPDX-License-Identifier: Apache-2.0
"""Parameter counts to the digit (paper, tables 1 and 5)."""

import pytest
import torch

from prv2_ros.model import VARIANTS, create_refiner

PARAMETERS = {
    "prv2m": 46_951_989,
    "prv2e": 72_130_709,
    "prv2c": 246_122_965,
    "prv2m-f2c-only": 27_540_308,
    "prv2m-no-gdu": 34_453_365,
    "prv2m-f2c-gdu": 46_951_989,
}


@pytest.fixture(autouse=True)
def only_shapes():
    with torch.device("meta"):
        yield


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_come_out_to_the_digit(variant):
    assert parameters(create_refiner(variant)) == PARAMETERS[variant]


def test_encoder_of_prv2m():
    assert parameters(create_refiner("prv2m").encoder) == 1_261_952


def test_prv2s_is_under_a_tenth_of_prv2m():
    assert set(VARIANTS) == {*PARAMETERS, "prv2s", "prv2m-narrow"}
    for name in ("prv2s", "prv2m-narrow"):
        assert parameters(create_refiner(name)) < 46_951_989 / 10


def test_unknown_names_and_widths_are_refused():
    with pytest.raises(ValueError, match="unknown variant 'prv3': choose one of prv2m"):
        create_refiner("prv3")
    with pytest.raises(ValueError, match="has 2 entries, expected 6"):
        create_refiner("prv2m-narrow", coarse_channels=(1, 2))
