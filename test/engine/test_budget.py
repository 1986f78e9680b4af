# SPDX-License-Identifier: Apache-2.0
"""Real time by budget: fewer tiles when there is less time, per camera, and nothing changed without a budget."""

import numpy as np
import pytest

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.budget import BudgetClock
from prv2_ros.engine.timing import FrameTiming
from prv2_ros.tiling.selection import refresh_bound

GRID = (3, 4)


@pytest.fixture(scope="module")
def load(weights_file):
    return lambda **options: DepthEngine.load(weights_file, device="cpu", precision="fp32", grid=GRID, **options)


@pytest.fixture(scope="module")
def rgb():
    return np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def full(load, rgb):
    return load()(rgb)[0]


@pytest.mark.parametrize("options", [{"max_tiles": 12}, {"latency_budget_ms": 1e9}])
def test_a_budget_for_everything_changes_no_bit(load, rgb, full, options):
    engine = load(**options)
    for _ in range(2):  # the first frame is for learning what a tile takes
        depth, timing = engine(rgb)
    np.testing.assert_array_equal(depth, full)
    assert (timing.tiles, timing.tiles_total) == (12, 12)


def test_fewer_tiles_lie_between_coarse_and_full(load, rgb, full):
    engine = load(max_tiles=5)
    depth, timing = engine(rgb)
    assert (timing.tiles, timing.tiles_total) == (5, 12)
    coarse = engine.coarse(rgb)
    low, high = np.minimum(coarse, full), np.maximum(coarse, full)
    slack = 0.02 * coarse.max()  # resizing the mosaic crosses tiles' borders
    assert ((depth >= low - slack) & (depth <= high + slack)).all()
    assert 0 < np.abs(depth - coarse).mean() < np.abs(full - coarse).mean()


def test_depth_scales_with_the_focal_length_as_without_a_budget(load, rgb):
    one, other = (load(max_tiles=5)(rgb, focal_px=f)[0] for f in (200.0, 400.0))
    np.testing.assert_allclose(2 * one, other, rtol=1e-5)


def inner(depth):
    """(3, 60, 4, 80) pixels of the tiles, without those that change where the mosaic is resized."""
    return depth.reshape(3, 60, 4, 80)[:, 12:-12, :, 12:-12]


def test_every_tile_gets_its_turn_of_each_camera_on_its_own(load, rgb, full):
    engine = load(max_tiles=4)
    bound = refresh_bound(12, 4)
    base = engine.coarse(rgb)
    seen = {"front": np.zeros(GRID, bool), "rear": np.zeros(GRID, bool)}
    for _ in range(bound):
        for stream, refined in seen.items():
            depth, _ = engine(rgb, stream=stream)
            as_refined, as_coarse = (np.abs(inner(depth - other)).mean((1, 3)) for other in (full, base))
            refined |= as_refined < as_coarse
    assert seen["front"].all() and seen["rear"].all()


def test_a_stream_of_another_size_begins_anew(load, rgb):
    engine = load(max_tiles=4)
    first, second = engine(rgb)[0], engine(rgb[:120].copy())[0]
    assert second.shape == (120, 320)
    np.testing.assert_array_equal(engine(rgb)[0], first)
    engine.budget.forget()
    np.testing.assert_array_equal(engine(rgb)[0], first)


def test_a_complete_frame_refreshes_every_tile(load, rgb):
    engine = load(max_tiles=4)
    for _ in range(2):
        engine(rgb, stream="front")
    history = engine.budget._streams["front"][1]
    assert any(history.ages)
    for limit in (12, None):
        engine.budget.max_tiles = 4
        engine(rgb, stream="front")
        engine.budget.max_tiles = limit
        engine(rgb, stream="front")
        assert not any(history.ages), f"as old as before after a frame with a limit of {limit} tiles"


def test_the_overlapping_tiles_are_left_out_first(load, rgb, full):
    depth, timing = load(mode="p49", max_tiles=20)(rgb)
    np.testing.assert_array_equal(depth, full)
    assert (timing.tiles, timing.tiles_total) == (12, 12 + 9 + 8 + 6)


@pytest.mark.parametrize("options", [{"max_tiles": 0}, {"latency_budget_ms": 0.0}, {"latency_budget_ms": float("nan")}])
def test_a_budget_of_nothing_is_refused(load, options):
    with pytest.raises(ValueError, match="not above 0"):
        load(**options)


def _clock(tile_ms=10.0, rest_ms=20.0, frames=5):
    clock = BudgetClock()
    for _ in range(frames):
        clock.learn((480, 640), FrameTiming(tiles_ms=8 * tile_ms, tiles=8, total_ms=8 * tile_ms + rest_ms))
    return clock


@pytest.mark.parametrize("budget_ms,tiles", [(100.0, 7), (200.0, 17), (45.0, 2), (21.0, 1), (1.0, 1)])
def test_tiles_fit_beside_the_rest_of_the_frame(budget_ms, tiles):
    assert _clock().tiles_within(budget_ms, (480, 640)) == tiles


def test_before_anything_is_known_one_tile_is_tried():
    assert BudgetClock().tiles_within(1e6, (480, 640)) == 1


def test_one_slow_frame_does_not_count_and_a_slower_machine_does():
    clock = _clock(frames=15)
    clock.learn((480, 640), FrameTiming(tiles_ms=4000.0, tiles=4, total_ms=9000.0))
    assert clock.tiles_within(100.0, (480, 640)) == 7
    for _ in range(8):
        clock.learn((480, 640), FrameTiming(tiles_ms=60.0, tiles=2, total_ms=80.0))
    assert clock.tiles_within(100.0, (480, 640)) == 2
    # Another size has another rest, and until that is known this one's stands in.
    assert clock.tiles_within(100.0, (960, 1280)) == 2
    clock.learn((960, 1280), FrameTiming(tiles_ms=30.0, tiles=1, total_ms=95.0))
    assert clock.tiles_within(100.0, (960, 1280)) == 1
