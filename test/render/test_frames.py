# SPDX-License-Identifier: Apache-2.0
"""Families, determinism, sensor, sequences."""

import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.render import FAMILIES, Sensor, build_scene, render_frame, render_sequence
from prv2_ros.render.builder import Atmosphere
from prv2_ros.render.sensor import develop

PLAIN = {"texture_px": 32, "shadow_size": 256}
"""Small textures and shadows: these tests look at depth, not at bricks."""


def _vertices(family: str, seed: int) -> np.ndarray:
    batches = build_scene(family, seed).batches
    return np.concatenate([s.vertices for group in batches.values() for shapes in group.values() for s in shapes])


# Two seeds of each family with small scenes.
SEEDS = {"street": (2, 5), "warehouse": (2, 8), "room": (7, 9), "outdoor": (8, 2)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_is_a_scene(family):
    seed, another = SEEDS[family]
    first, again, other = _vertices(family, seed), _vertices(family, seed), _vertices(family, another)
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.allclose(first, other)
    assert len(first) > 3000
    assert np.isfinite(first).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_have_near_and_far_and_edges(draws, family):
    frame = draws(render_frame, family, SEEDS[family][0], 192, 108, **PLAIN)
    if frame is None:
        return
    assert frame.rgb.shape == (108, 192, 3) and frame.rgb.dtype == np.uint8
    assert frame.depth_m.shape == (108, 192) and frame.depth_m.dtype == np.float32
    finite = np.isfinite(frame.depth_m)
    assert finite.mean() > 0.3 and frame.depth_m[finite].min() > 0.04
    near, far = np.percentile(frame.depth_m[finite], [5, 95])
    assert far > 1.5 * near
    assert frame.rgb.std() > 12, "a flat image teaches nothing"
    fov = np.degrees(2 * np.arctan(192 / 2 / frame.fx))
    assert 40 <= fov <= 100 and frame.fx == frame.fy and (frame.cx, frame.cy) == (95.5, 53.5)


def test_the_same_seed_is_the_same_frame(draws):
    first = draws(render_frame, "room", 7, 96, 64, **PLAIN)
    if first is None:
        return
    again = render_frame("room", 7, 96, 64, **PLAIN)
    assert np.array_equal(first.depth_m, again.depth_m)
    assert np.array_equal(first.rgb, again.rgb)
    assert not np.array_equal(first.depth_m, render_frame("room", 9, 96, 64, **PLAIN).depth_m)


def test_a_sequence_moves_forward_in_one_scene(draws):
    frames = draws(lambda: list(render_sequence("street", 2, 96, 64, 3, rate_hz=10.0, **PLAIN)))
    if frames is None:
        return
    x = [frame.meta["position_m"][0] for frame in frames]
    assert np.allclose(np.diff(x), 0.8, atol=1e-6)
    assert [frame.meta["time_s"] for frame in frames] == [0.0, 0.1, 0.2]
    assert not np.array_equal(frames[0].depth_m, frames[1].depth_m)


@pytest.mark.parametrize("bad", [("castle", 64, 64), ("street", 0, 64), ("street", 64, 1), ("street", 64, 100000)])
def test_bad_requests_are_named(bad):
    family, width, height = bad
    with pytest.raises(ImageError, match=r"castle|cannot render"):
        render_frame(family, 0, width, height)


def test_sensor_leaves_a_perfect_camera_alone_and_depth_untouched():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    depth = rng.uniform(1, 50, (60, 80)).astype(np.float32)
    before = depth.copy()
    assert np.array_equal(develop(image, depth, Atmosphere(), Sensor(), rng), image)
    developed = develop(image, depth, Atmosphere(haze_per_m=0.01), Sensor.draw(rng), rng)
    assert developed.shape == image.shape and not np.array_equal(developed, image)
    assert np.array_equal(depth, before)


def test_haze_follows_the_law_of_extinction():
    image = np.zeros((8, 8, 3), np.uint8)
    depth = np.full((8, 8), 70.0, np.float32)
    air = Atmosphere(haze_per_m=0.01, haze_rgb=(1.0, 1.0, 1.0))
    hazy = develop(image, depth, air, Sensor(), np.random.default_rng(0))
    assert hazy.mean() == pytest.approx(255 * (1 - np.exp(-0.7)), abs=1)


def test_noise_has_the_deviation_that_was_asked_for():
    image = np.full((256, 256, 3), 128, np.uint8)
    depth = np.full((256, 256), 5.0, np.float32)
    noisy = develop(image, depth, Atmosphere(), Sensor(noise=(3.0, 4.0)), np.random.default_rng(1)).astype(float)
    assert noisy.std() == pytest.approx(5.0, rel=0.25)
    assert noisy.mean() == pytest.approx(128, abs=0.7)
