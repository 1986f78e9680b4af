# SPDX-License-Identifier: Apache-2.0
"""Consistency of tiles: pairs, overlaps and errors."""

import math

import numpy as np
import pytest
import torch

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.single_tiles import tile_depths
from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.errors import DataError
from prv2_ros.evaluation import consistency_error, engine_consistency
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.tiling.grid import regular_boxes


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


@pytest.fixture(scope="module")
def small_engine(tmp_path_factory):
    torch.manual_seed(0)
    refiner, coarse = create_refiner("prv2m-narrow"), create_coarse("small")
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    header = WeightsHeader(
        variant="prv2m-narrow", coarse="small", coarse_channels=refiner.coarse_channels, process_size=(64, 96)
    )
    save_weights(path, refiner=refiner, coarse=coarse, header=header)
    # without sharpening, which mends the seams: here it is the network's own tiles that are measured
    return DepthEngine.load(path, device="cpu", precision="fp32", grid=(2, 2), sharpen_edges=False)


def test_a_network_is_measured_on_tiles_that_overlap_by_half(small_engine):
    rgb = np.random.default_rng(1).integers(0, 255, (130, 190, 3), np.uint8)
    error = engine_consistency(small_engine, rgb, (150.0, 150.0))
    boxes = [*regular_boxes((2, 2)), *regular_boxes((2, 2), shift_x=True, shift_y=True)]
    tiles = tile_depths(small_engine, rgb, boxes, (150.0, 150.0)).numpy()
    whole = np.block([[tiles[0], tiles[1]], [tiles[2], tiles[3]]])
    assert error == pytest.approx(np.abs(whole[32:96, 48:144] - tiles[4]).mean(), rel=1e-5)
    assert error > 0
    assert engine_consistency(small_engine, rgb, (300.0, 300.0)) == pytest.approx(2 * error, rel=1e-4)


def test_regular_tiles_are_those_that_the_engine_places(small_engine):
    rgb = np.random.default_rng(2).integers(0, 255, (128, 192, 3), np.uint8)
    tiles = tile_depths(small_engine, rgb, regular_boxes((2, 2)), 150.0).numpy()
    whole = np.block([[tiles[0], tiles[1]], [tiles[2], tiles[3]]])
    assert whole == pytest.approx(small_engine(rgb, 150.0)[0], rel=1e-5)


def test_a_single_tile_has_no_consistency(small_engine):
    small_engine.grid = (1, 1)
    try:
        assert math.isnan(engine_consistency(small_engine, np.zeros((64, 96, 3), np.uint8)))
    finally:
        small_engine.grid = (2, 2)
