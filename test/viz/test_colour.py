# SPDX-License-Identifier: Apache-2.0
"""The colour map: order, unknown values, limits, and a scale that tells the truth."""

import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.viz import colour_depth, depth_limits, depth_picture
from prv2_ros.viz.colour import _TABLE, scale_ticks


@pytest.fixture
def ramp_m() -> np.ndarray:
    return np.repeat(np.geomspace(1.0, 100.0, 512, dtype=np.float32)[None], 64, axis=0)


def _place(colour: np.ndarray) -> int:
    return int(np.abs(_TABLE.astype(int) - colour.astype(int)).sum(axis=1).argmin())


def test_near_is_warm_far_is_cold_and_the_order_holds(ramp_m):
    picture = colour_depth(ramp_m, min=1.0, max=100.0)
    assert picture.shape == (64, 512, 3) and picture.dtype == np.uint8
    assert picture[0, 0, 0] > picture[0, 0, 2] and picture[0, -1, 2] > picture[0, -1, 0]
    places = [_place(colour) for colour in picture[0, ::16]]
    assert places == sorted(places) and places[0] == 0 and places[-1] > 240


def test_unknown_is_black_and_infinity_is_the_far_colour():
    depth_m = np.array([[np.nan, 0.0, -1.0, -np.inf, np.inf, 100.0, 1.0]], np.float32)
    picture = colour_depth(depth_m, min=1.0, max=100.0)
    assert not picture[0, :4].any()
    assert (picture[0, 4] == picture[0, 5]).all() and picture[0, 4].any()
    assert picture[0, 6].any()


def test_the_scale_is_logarithmic():
    picture = colour_depth(np.array([[10.0]], np.float32), min=1.0, max=100.0)
    assert _place(picture[0, 0]) == pytest.approx(128, abs=1)


def test_limits_leave_out_unknown_and_the_outermost():
    depth_m = np.full((100, 100), 5.0, np.float32)
    depth_m[:50] = 20.0
    depth_m[0, :10] = [np.inf, np.nan, 0, -3, 1e6, 1e6, 1e6, 1e6, 1e6, 1e6]
    assert depth_limits(depth_m) == (5.0, 20.0)
    assert depth_limits(np.zeros((3, 3), np.float32)) == (0.1, 10.0)


@pytest.mark.parametrize(("near", "far"), [(0.37, 5.2), (1, 80), (2, 3)])
def test_ticks_are_few_rising_and_between_the_limits(near, far):
    ticks = scale_ticks(near, far)
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks)) and near <= ticks[0] and ticks[-1] <= far


def test_the_bar_beneath_shows_the_colours_of_the_map(ramp_m):
    picture = depth_picture(ramp_m, min=1.0, max=100.0, title="ramp")
    assert picture.shape[1] == 512 and picture.shape[0] > 64
    bar = picture[64:].reshape(-1, 3)
    for colour in (_TABLE[0], _TABLE[128], _TABLE[255]):
        assert (bar == colour).all(axis=1).any()


def test_a_tiny_map_still_has_a_readable_bar():
    assert depth_picture(np.ones((1, 1), np.float32)).shape[1] == 320


@pytest.mark.parametrize(
    ("depth_m", "options", "words"),
    [
        (np.ones((2, 2, 3), np.float32), {}, r"\(2, 2, 3\)"),
        (np.ones((2, 2), np.float32), {"min": 5.0, "max": 5.0}, "min < max"),
        (np.ones((2, 2), np.float32), {"min": 0.0, "max": 5.0}, "min < max"),
    ],
)
def test_what_makes_no_sense_is_refused(depth_m, options, words):
    with pytest.raises(ImageError, match=words):
        colour_depth(depth_m, **options)
