# SPDX-License-Identifier: Apache-2.0
"""The naive path is the same network: it agrees with the engine, on the regular grid and beside it."""

import numpy as np
import pytest
import torch

from prv2_ros.bench.naive import NaiveEngine, compare_naive
from prv2_ros.bench.subject import random_engine


@pytest.mark.parametrize(("variant", "mode"), [("prv2s", "p16"), ("prv2m-narrow", "p49")])
def test_agrees_with_the_engine(rgb, variant, mode):
    engine = random_engine(variant, device="cpu", precision="fp32", grid=(2, 2), mode=mode, process_size=(64, 96))
    difference = np.abs(NaiveEngine(engine)(rgb) - engine(rgb)[0])
    assert difference.max() < 1e-4


def test_is_contiguous_and_leaves_the_engine_as_it_was(tiny_engine):
    naive = NaiveEngine(tiny_engine)
    weights = [p for p in naive.model.parameters() if p.ndim == 4]
    assert weights and all(w.is_contiguous() for w in weights)
    own = [p for p in tiny_engine.model.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[-1] > 1]
    assert own and all(w.is_contiguous(memory_format=torch.channels_last) for w in own)


def test_comparison_gives_ratio_and_difference(tiny_engine, rgb):
    result = compare_naive(tiny_engine, rgb, repeats=1)
    assert result["ratio"] == pytest.approx(result["naive_ms"] / result["engine_ms"], rel=0.1)
    assert 0 <= result["largest_difference_m"] < 1e-4
    assert result["relative_difference_p99_9"] <= result["largest_relative_difference"]
