# SPDX-License-Identifier: Apache-2.0
"""Canonical depth through crop, stretch, flip and rotation, against planes projected analytically."""

from typing import NamedTuple

import numpy as np
import pytest

from prv2_ros.data.augment import View, jitter_colour, random_view, render_view
from prv2_ros.data.sample import Sample

SIZE, FOCAL, CENTRE = (360, 480), (400.0, 380.0), (230.0, 190.0)
NORMAL, OFFSET_M = np.array([0.25, 0.35, 0.9]), 4.0


def canonical_scale(size: tuple[int, int], focal_px: tuple[float, float]) -> float:
    """Of a whole frame (H, W)."""
    return View((0.0, 0.0, size[1], size[0])).canonical_scale(focal_px)


class Camera(NamedTuple):
    """A pinhole camera of `size` (H, W); a pixel's centre lies at its index + 0.5."""

    size: tuple[float, float]
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]

    def resize(self, size: tuple[int, int]) -> "Camera":
        """The camera after a stretch to `size`: the focal length of each axis follows its own factor."""
        sx, sy = size[1] / self.size[1], size[0] / self.size[0]
        (fx, fy), (cx, cy) = self.focal_px, self.centre_px
        return Camera(size, (fx * sx, fy * sy), (cx * sx, cy * sy))


def plane_depth(camera: Camera, *, roll_deg: float = 0.0) -> np.ndarray:
    """Depth of the plane NORMAL . X = OFFSET_M at every pixel centre of a camera rolled about its axis."""
    height, width = camera.size
    x = (np.arange(width) + 0.5 - camera.centre_px[0]) / camera.focal_px[0]
    y = (np.arange(height) + 0.5 - camera.centre_px[1]) / camera.focal_px[1]
    x, y = np.meshgrid(x, y)
    angle = np.deg2rad(roll_deg)
    rolled = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return (OFFSET_M / (NORMAL[0] * rolled[0] + NORMAL[1] * rolled[1] + NORMAL[2])).astype(np.float32)


@pytest.fixture
def frame() -> Sample:
    camera = Camera(SIZE, FOCAL, CENTRE)
    depth = plane_depth(camera)
    rgb = np.repeat((depth * 20).astype(np.uint8)[..., None], 3, 2)
    return Sample(rgb=rgb, depth_m=depth, focal_px=FOCAL, name="plane")


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("box", [(0.0, 0.0, 480.0, 360.0), (37.0, 21.0, 300.0, 200.0), (100.5, 3.25, 222.0, 340.0)])
def test_view_shows_the_plane_where_its_camera_sees_it(frame: Sample, box: tuple, flip: bool) -> None:
    out_size = (96, 128)
    _, depth = render_view(frame, View(box, flip), out_size)
    camera = Camera((box[3], box[2]), FOCAL, (CENTRE[0] - box[0], CENTRE[1] - box[1])).resize(out_size)
    expected = plane_depth(camera)[:, :: -1 if flip else 1]
    slope = max(np.abs(np.diff(expected, axis=0)).max(), np.abs(np.diff(expected, axis=1)).max())
    assert np.abs(depth - expected).max() < 1.1 * slope  # nearest: at most about half a pixel off on each axis
    assert abs(np.median(depth - expected)) < 0.05 * slope


def test_target_is_the_same_for_one_plane_seen_by_any_camera(frame: Sample) -> None:
    """Two cameras in one place that differ in focal length and size but not in field of view."""
    wide = Camera(SIZE, FOCAL, CENTRE)
    targets = [
        plane_depth(c.resize((384, 512))) * canonical_scale(c.size, c.focal_px)
        for c in (wide, wide.resize((731, 1017)))
    ]
    np.testing.assert_allclose(targets[1], targets[0], rtol=1e-5)


@pytest.mark.parametrize(("share_x", "share_y"), [(1.0, 1.0), (0.6, 0.6), (0.9, 0.5), (0.5, 0.9)])
def test_canonical_scale_undone_gives_metres_again(frame: Sample, share_x: float, share_y: float) -> None:
    """What the engine does with a crop as its input undoes exactly what the target did."""
    height, width = SIZE[0] * share_y, SIZE[1] * share_x
    view = View((10.0, 5.0, width, height))
    target = view.canonical_scale(FOCAL)
    fx_process, fy_process = FOCAL[0] * 512 / width, FOCAL[1] * 384 / height
    assert target * np.sqrt(fx_process * fy_process) / 400.0 == pytest.approx(1.0, rel=1e-12)


def test_zooming_in_makes_canonical_depth_smaller_in_proportion() -> None:
    whole = canonical_scale((480, 640), (500.0, 500.0))
    half = canonical_scale((240, 320), (500.0, 500.0))
    only_wide = canonical_scale((480, 320), (500.0, 500.0))
    assert half == pytest.approx(whole / 2)
    assert only_wide == pytest.approx(whole / np.sqrt(2))


def test_canonical_camera_needs_no_scale() -> None:
    assert canonical_scale((384, 512), (400.0, 400.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("roll", [-5.0, 1.0])
def test_roll_turns_rays_also_where_pixels_are_not_square(roll: float) -> None:
    focal, centre = (500.0, 250.0), (240.0, 180.0)
    camera = Camera(SIZE, focal, centre)
    sample = Sample(np.zeros((*SIZE, 3), np.uint8), plane_depth(camera), focal, "plane")
    _, depth = render_view(sample, View((0.0, 0.0, 480.0, 360.0), False, roll), SIZE)
    expected = plane_depth(camera, roll_deg=roll)
    inner = (slice(60, 300), slice(80, 400))
    np.testing.assert_allclose(depth[inner], expected[inner], rtol=3e-3)


def test_antialiased_view_lies_where_the_plain_one_does(frame: Sample) -> None:
    view = View((13.0, 9.0, 440.0, 330.0), True, 0.7)
    plain, _ = render_view(frame, view, (64, 96))
    smooth, _ = render_view(frame, view, (64, 96), antialias=True)
    difference = plain.astype(float) - smooth.astype(float)
    assert np.abs(difference[4:-4, 4:-4]).max() <= 2
    assert abs(difference.mean()) < 0.2


def test_sky_and_unknown_survive_a_view() -> None:
    depth = np.full((40, 60), 3.0, np.float32)
    depth[:10], depth[30:] = np.inf, 0.0
    sample = Sample(np.zeros((40, 60, 3), np.uint8), depth, (50.0, 50.0), "sky")
    _, out = render_view(sample, View((0.0, 0.0, 60.0, 40.0), True, 1.0), (80, 90))
    assert set(np.unique(out)) == {0.0, 3.0, np.inf}


def test_random_views_stay_inside_and_cover_the_frame() -> None:
    rng = np.random.default_rng(0)
    views = [random_view((200, 300), rng, min_scale=0.5, whole=0.2) for _ in range(300)]
    for view in views:
        x, y, width, height = view.box
        assert x >= 0 and y >= 0 and x + width <= 300 + 1e-6 and y + height <= 200 + 1e-6
    whole = np.mean([v.box == (0.0, 0.0, 300.0, 200.0) for v in views])
    assert 0.12 < whole < 0.3
    assert 0.4 < np.mean([v.flip for v in views]) < 0.6


def test_colour_jitter_is_seeded_and_can_be_off() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    one, two = (jitter_colour(rgb, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one.astype(int) - rgb).mean() > 1
    np.testing.assert_array_equal(jitter_colour(rgb, np.random.default_rng(7), strength=0.0), rgb)
