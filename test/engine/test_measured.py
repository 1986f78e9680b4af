# SPDX-License-Identifier: Apache-2.0
"""Measured depth: holes filled at the measured scale, good measures held, nonsense refused."""

import cv2
import numpy as np
import pytest
import torch
from tiny_weights import write_tiny_weights

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.measured import MeasuredDepth, confidence, fill, fit_scale
from prv2_ros.errors import ImageError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "log.safetensors"
    write_tiny_weights(path, process_size=(64, 96))
    return DepthEngine.load(path, device="cpu", runtime="torch", precision="fp32", grid=(2, 2), coarse="topic")


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)


def scene(height=120, width=160):
    """A floor that comes nearer, and a box at 2 m in front of it."""
    depth = np.linspace(8.0, 4.0, height, dtype=np.float32)[:, None].repeat(width, 1)
    depth[40:80, 60:100] = 2.0
    return depth


def with_holes(depth, share=0.2):
    """A share of the pixels unknown, as a block and at random, in every way of saying so."""
    depth, generator = depth.copy(), np.random.default_rng(1)
    depth[20:60, 10:40] = 0.0
    left = share - np.mean(depth == 0)
    where = generator.random(depth.shape) < left
    depth[where] = generator.choice([0.0, np.nan, np.inf, -np.inf, -1.0], int(where.sum()))
    return depth


def test_a_scale_is_found_among_outliers():
    generator = torch.Generator().manual_seed(0)
    own = torch.rand(5000, generator=generator) * 3
    depth = 0.7 + 1.2 * own + 0.01 * torch.randn(5000, generator=generator)
    depth[:1000] = 4.0
    offset, slope = fit_scale(own, depth)
    assert abs(offset - 0.7) < 0.02 and abs(slope - 1.2) < 0.01


def test_a_flat_scene_is_scaled_by_its_median_ratio():
    own = torch.full((500,), 1.0) + 0.001 * torch.arange(500) / 500
    assert fit_scale(own, own + 0.4) == (pytest.approx(0.4, abs=1e-5), 1.0)


def test_holes_get_the_networks_shape_at_the_measured_scale():
    exact = torch.from_numpy(scene())[None, None]
    known = torch.from_numpy(np.isfinite(with_holes(scene())) & (with_holes(scene()) > 0))[None, None]
    known[..., 50:70, 70:90] = False  # a hole within the box, and one across its border
    known[..., 75:85, 80:110] = False
    own = 0.1 * exact**1.1
    filled = fill(torch.where(known, exact, 0.0), known, own)
    assert torch.equal(filled[known], exact[known])
    assert float((filled / exact - 1).abs().max()) < 0.02


def test_what_a_network_misses_is_carried_into_holes_without_a_step():
    exact = torch.full((1, 1, 64, 64), 5.0)
    known = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    known[..., 20:40, 20:40] = False
    tilted = 5.0 * torch.linspace(0.8, 1.2, 64)[None, None, :, None].expand_as(exact)
    filled = fill(exact * known, known, tilted)
    assert float((filled / exact - 1).abs().max()) < 0.05
    border = filled[..., 20, 20:40] / 5.0 - 1
    assert float(border.abs().max()) < 0.03


def test_confidence_ends_at_edges_and_holes():
    depth = torch.from_numpy(scene())[None, None]
    known = torch.ones_like(depth, dtype=torch.bool)
    known[..., 100, 30] = False
    weight = confidence(depth, known)[0, 0]
    assert weight[10, 10] == 1.0 and weight[60, 80] == 1.0
    assert weight[60, 60] == 0.0 and weight[60, 58] == 0.0 and weight[101, 31] == 0.0
    assert weight[60, 55] == 1.0 and weight[100, 34] == 1.0


def test_the_refiner_does_not_move_what_was_measured_well(engine, picture):
    measured = scene()
    refined, timing = engine(picture, coarse_depth_m=measured)
    assert refined.shape == (180, 320) and np.isfinite(refined).all() and timing.tiles == 4
    ratio = refined / cv2.resize(measured, (320, 180))
    edge = np.zeros((120, 160), np.uint8)
    edge[36:84, 56:104] = 1
    edge[44:76, 64:96] = 0
    away = cv2.resize(edge, (320, 180), interpolation=cv2.INTER_NEAREST) == 0
    assert np.abs(ratio[away] - 1).max() < 0.01
    assert np.abs(ratio - 1).max() > 0.01  # at edges it may


def test_holes_do_not_make_holes_in_the_result(engine, picture):
    coarse = engine.coarse(picture, coarse_depth_m=with_holes(scene()))
    assert coarse.shape == (180, 320) and np.isfinite(coarse).all() and coarse.min() > 1.5 and coarse.max() < 12


def test_the_own_branch_runs_only_where_there_are_holes(engine, picture, monkeypatch):
    runs = []
    own = engine.model.run_coarse
    monkeypatch.setitem(engine.model.__dict__, "run_coarse", lambda rgb: runs.append(1) or own(rgb))
    engine(picture, coarse_depth_m=scene())
    assert not runs
    engine(picture, coarse_depth_m=with_holes(scene()))
    assert runs == [1]


def test_depth_of_a_sensor_is_in_metres_whatever_the_focal_length(engine, picture):
    assert engine.canonical_focal_px is None and engine.needs_depth
    one = engine(picture, coarse_depth_m=with_holes(scene()))[0]
    assert np.array_equal(one, engine(picture, 900.0, coarse_depth_m=with_holes(scene()))[0])


@pytest.mark.parametrize(
    ("depth", "why"),
    [
        (np.zeros((120, 160), np.float32), "has 0 that are known"),
        (np.full((120, 160), np.nan, np.float32), "has 0 that are known"),
        (np.ones((120, 160), np.uint16), "uint16"),
        (np.ones((120, 160, 1), np.float32), "expected"),
        (np.ones((4, 160), np.float32), "160x4"),
        ([[1.0]], "list"),
    ],
)
def test_nonsense_is_refused(depth, why):
    with pytest.raises(ImageError, match=why):
        MeasuredDepth(depth, CPU)


def test_an_engine_for_measured_depth_says_when_there_is_none(engine, picture):
    with pytest.raises(ImageError, match="give measured depth with each image"):
        engine(picture)


def test_it_warms_up_without_a_camera(engine):
    assert engine.warm_up(96, 128) > 0
