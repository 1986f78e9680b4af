# SPDX-License-Identifier: Apache-2.0
"""Consistency of tiles: pairs, overlaps and errors."""

import numpy as np
import pytest

from prv2_ros.errors import DataError
from prv2_ros.evaluation import consistency_error


def test_tiles_cut_from_one_map_agree():
    depth = np.random.default_rng(0).uniform(1, 9, (20, 30))
    boxes = [(0, 0, 12, 18), (0, 12, 12, 18), (8, 0, 12, 18), (8, 12, 12, 18)]
    tiles = [depth[t : t + h, left : left + w] for t, left, h, w in boxes]
    assert consistency_error(tiles, boxes) == 0.0


def test_mean_is_over_overlapping_pixels_only():
    tiles = [np.full((4, 6), 1.0), np.full((4, 6), 3.5)]
    assert consistency_error(tiles, [(0, 0, 4, 6), (1, 4, 4, 6)]) == pytest.approx(2.5)
    assert consistency_error(
        [*tiles, np.full((4, 6), 1.0)], [(0, 0, 4, 6), (1, 4, 4, 6), (0, 0, 4, 6)]
    ) == pytest.approx(2.5 * (6 + 6) / (6 + 6 + 24))


def test_tiles_that_only_touch_have_no_consistency():
    with pytest.raises(DataError, match="overlap"):
        consistency_error([np.ones((4, 4))] * 2, [(0, 0, 4, 4), (0, 4, 4, 4)])


def test_a_tile_of_another_size_than_its_box_is_named():
    with pytest.raises(DataError, match=r"\(4, 4\), its box is 4x5"):
        consistency_error([np.ones((4, 4))], [(0, 0, 4, 5)])
