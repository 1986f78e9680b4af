# SPDX-License-Identifier: Apache-2.0
"""Costs of the compared systems: arithmetic as published, and something small measured."""

import pytest

from prv2_ros.bench.costs import CostPlan, count_gflop, measure_cost
from prv2_ros.bench.methods import METHODS, on_meta

# Of a 4K frame in P16, counted by the references: ZoeDepth once, what is done once beside it, and 16 tiles.
PUBLISHED_GFLOP = {"prv2m": 717 + 16 * 897, "prv1": 717 + 16 * (717 + 1_039), "patchfusion": 993 + 16 * (717 + 2_555)}


@pytest.mark.parametrize("key", PUBLISHED_GFLOP)
def test_arithmetic_is_the_published_one(key):
    pytest.importorskip("transformers")
    assert count_gflop(on_meta(METHODS[key]), METHODS[key]) == pytest.approx(PUBLISHED_GFLOP[key], rel=2e-3)


def test_a_small_system_is_measured():
    cost = measure_cost("prv2s", CostPlan(size=(432, 768), repeats=1), threads=1)
    assert cost.ms > 0 and cost.peak_mib > 10
    assert 0 < cost.parameters < 47e6 and cost.coarse_parameters > 1e6
    assert cost.gflop < 1000
