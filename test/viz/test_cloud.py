# SPDX-License-Identifier: Apache-2.0
"""The cloud: where points stand, what is left out, and which of two points is seen."""

import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.viz import cloud_points, render_cloud_picture

INTRINSICS = (50.0, 60.0, 31.5, 23.5)


def test_points_project_back_to_their_pixels():
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(1, 9, (48, 64)).astype(np.float32)
    rgb = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    xyz, colours = cloud_points(depth_m, rgb, INTRINSICS, stride=3)
    rows, columns = np.mgrid[0:48:3, 0:64:3]
    assert np.allclose(xyz[:, 0] / xyz[:, 2] * 50.0 + 31.5, columns.ravel(), atol=1e-3)
    assert np.allclose(xyz[:, 1] / xyz[:, 2] * 60.0 + 23.5, rows.ravel(), atol=1e-3)
    assert (xyz[:, 2] == depth_m[::3, ::3].ravel()).all()
    assert (colours == rgb[::3, ::3].reshape(-1, 3)).all()


def test_unknown_and_infinite_depth_gives_no_point():
    depth_m = np.array([[np.nan, 0, np.inf, -np.inf, -1, 2]], np.float32)
    xyz, colours = cloud_points(depth_m, np.zeros((1, 6, 3), np.uint8), INTRINSICS)
    assert len(xyz) == len(colours) == 1 and xyz[0, 2] == 2


def test_sizes_that_differ_are_refused():
    with pytest.raises(ImageError, match=r"\(4, 6\).*\(4, 5\)"):
        cloud_points(np.ones((4, 6), np.float32), np.zeros((4, 5, 3), np.uint8), INTRINSICS)


def test_from_the_camera_itself_the_picture_is_the_image_and_near_hides_far():
    depth_m = np.full((96, 128), 4.0, np.float32)
    depth_m[30:60, 40:80] = 2.0
    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[..., 2] = 255
    rgb[30:60, 40:80] = (255, 0, 0)
    picture = render_cloud_picture(
        depth_m, rgb, (100, 100, 63.5, 47.5), size=(128, 96), pitch_deg=0, yaw_deg=0, max_depth_m=10
    )
    red = (picture == (255, 0, 0)).all(axis=-1)
    blue = (picture == (0, 0, 255)).all(axis=-1)
    assert 0.5 < red.sum() / (30 * 40) < 1.5
    assert not blue[40:55, 50:72].any()
    assert blue.sum() > 2000


def test_raising_the_viewer_shows_the_ground_from_above():
    """A flat floor fills more rows of the picture the higher the viewer stands."""
    rows = np.arange(96, dtype=np.float32)[:, None] - 30
    depth_m = np.where(rows > 2, 150.0 / np.maximum(rows, 1), np.nan) * np.ones((1, 128), np.float32)
    rgb = np.full((96, 128, 3), 200, np.uint8)
    low, high = (
        (render_cloud_picture(depth_m, rgb, (100, 100, 63.5, 30), size=(128, 96), pitch_deg=p, yaw_deg=0) == 200)
        .all(axis=-1)
        .any(axis=1)
        .sum()
        for p in (0.0, 35.0)
    )
    assert high > low


def test_an_empty_cloud_gives_an_empty_picture():
    picture = render_cloud_picture(np.zeros((8, 8), np.float32), np.zeros((8, 8, 3), np.uint8), INTRINSICS)
    assert picture.shape == (720, 1280, 3) and picture.std() == 0
