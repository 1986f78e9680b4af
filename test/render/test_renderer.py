# SPDX-License-Identifier: Apache-2.0
"""Depth and intrinsics against geometry that is known in closed form."""

import math

import numpy as np
import pytest

from prv2_ros.render import shapes
from prv2_ros.render.builder import Light, SceneBuilder
from prv2_ros.render.camera import Camera, Pose
from prv2_ros.render.renderer import SceneRenderer


def _builder() -> SceneBuilder:
    builder = SceneBuilder("test", np.random.default_rng(0))
    builder.scene.lights.append(Light("sun", (0, 0, 0), (0.3, 0.2, -1.0), (0.6, 0.6, 0.6)))
    return builder


def _depth(builder: SceneBuilder, pose: Pose, camera: Camera) -> np.ndarray:
    with SceneRenderer(builder.scene, camera.width, camera.height) as renderer:
        renderer.colour(pose, camera)  # leaves multisampling on, which depth must not see
        return renderer.depth(pose, camera)


def test_ground_plane_depth_is_exact_from_1_to_60_m(draws):
    builder = _builder()
    builder.quad((-300, -300, 0), (600, 0, 0), (0, 600, 0), builder.plain((0.5, 0.5, 0.5)))
    camera = Camera.from_fov(640, 480, 60)
    depth = draws(_depth, builder, Pose((0, 0, 1.5)), camera)
    if depth is None:
        return
    rows = np.arange(480)
    expected = 1.5 * camera.fy / np.maximum(rows - camera.cy, 1e-9)
    seen = (expected > 1) & (expected < 60)
    assert seen.sum() > 150
    for column in (0, 320, 639):
        error = np.abs(depth[seen, column] / expected[seen] - 1)
        assert error.max() < 1e-3


def test_sphere_depth_is_exact(draws):
    builder = _builder()
    builder.blob((6.0, 0, 1.0), (1.5, 1.5, 1.5), builder.plain((0.5, 0.5, 0.5)), detail=200)
    camera = Camera.from_fov(320, 240, 50)
    depth = draws(_depth, builder, Pose((0, 0, 1.0)), camera)
    if depth is None:
        return
    v, u = np.mgrid[0:240, 0:320]
    ray = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u, float)], -1)
    a, b, c = (ray**2).sum(-1), -2 * 6.0 * ray[..., 2], 6.0**2 - 1.5**2
    root = b * b - 4 * a * c
    hit = root > 0.6  # away from the grazing rim
    expected = (-b - np.sqrt(np.maximum(root, 0))) / (2 * a)
    assert hit.sum() > 3000
    assert np.abs(depth[hit] / expected[hit] - 1).max() < 1e-3
    assert np.isinf(depth[0, 0]), "sky must be infinite"


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0.0, 0.0, 0.0), (0.7, 0.2, -0.3), (-2.0, -0.15, 0.25)])
def test_a_known_point_lands_where_the_intrinsics_say(draws, yaw, pitch, roll):
    pose, camera = Pose((1.0, -2.0, 1.3), yaw, pitch, roll), Camera.from_fov(400, 300, 75)
    local = np.array([0.9, -0.5, 5.0])  # optical frame: x right, y down, z forward
    axes = pose.axes()
    world = np.asarray(pose.position) + axes @ (local * (1, -1, -1))
    builder = _builder()
    builder.blob(world, (0.06, 0.06, 0.06), builder.plain((1, 1, 1)), detail=16)
    depth = draws(_depth, builder, pose, camera)
    if depth is None:
        return
    v, u = np.nonzero(np.isfinite(depth))
    assert len(u) > 10
    assert u.mean() == pytest.approx(camera.fx * local[0] / local[2] + camera.cx, abs=0.35)
    assert v.mean() == pytest.approx(camera.fy * local[1] / local[2] + camera.cy, abs=0.35)


def test_positive_pitch_looks_down_and_positive_roll_turns_clockwise():
    down = Pose((0, 0, 1), 0.0, 0.3, 0.0).axes()
    assert -down[2, 2] == pytest.approx(-math.sin(0.3))
    rolled = Pose((0, 0, 1), 0.0, 0.0, 0.2).axes()
    assert rolled[2, 0] < 0, "a camera turned clockwise has its right side low"


def test_closed_shapes_face_outwards():
    """Wrongly wound faces are culled: the object then shows its inside, at the wrong depth."""
    solids = {
        "box": shapes.box((0, 0, 0), (1, 2, 3), 0.4),
        "big box": shapes.box((0, 0, 0), (9, 5, 3)),
        "tube": shapes.tube([(0, 0, 0), (0.2, 1, 2)], 0.3),
        "lying tube": shapes.tube([(0, 0, 0), (0, 3, 0)], 0.3),
        "cone": shapes.cylinder((0, 0, 0), 2, 0.5, 12, 0.1),
        "blob": shapes.blob((0, 0, 0), (1, 2, 3)),
        "frustum": shapes.frustum((0, 0, 0), (2, 1), (1, 0.5), 1.0, 0.2),
    }
    for name, solid in solids.items():
        corners = solid.vertices[solid.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        outward = corners.mean(1) - solid.vertices.mean(0)
        area = np.linalg.norm(cross, axis=1)
        real = area > 1e-9
        assert ((cross * outward).sum(1)[real] > 0).all(), name
        normals = solid.normals[solid.faces].mean(1)
        assert ((cross * normals).sum(1)[real] > 0).all(), name
