# SPDX-License-Identifier: Apache-2.0
"""Lenses, windows and bins over DDS: where a point of space is in depth, camera_info and cloud, for each CameraInfo."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import camera_info, cloud_array, depth_array, image_message

WIDTH, HEIGHT = 320, 240
FISHEYE = [-0.05, 0.01, 0.002, -0.001]
RATIONAL = [-0.3, 0.1, 0.001, -0.002, 0.01, 0.05, 0.02, 0.01]
POINT = np.array([0.3, -0.2, 1.0])  # a direction in the optical frame


@pytest.fixture(scope="module")
def node(start_node):
    values = {"points.stride": 1, "points.max_range": 1000.0, "scale_depth_by_focal": False, "max_range": 1000.0}
    return start_node(parameters=values)


@pytest.fixture(scope="module")
def out(node):
    return node.outputs("depth", "info", "points")


def _dot(pixel, shape=(HEIGHT, WIDTH)):
    """5 m everywhere but for a dot of 20 m."""
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = 50
    cv2.circle(image, np.round(pixel).astype(int).tolist(), 4, (200, 0, 0), -1)
    return image


def _check(node, out, rgb, info, matrix):
    """The dot is where `matrix` projects the point, in depth and cloud, and depth/camera_info says that matrix."""
    stamp = node.send(image_message(rgb), info=info)
    depth, depth_info = depth_array(out["depth"].of_stamp(stamp)), out["info"].of_stamp(stamp)
    cloud = cloud_array(out["points"].of_stamp(stamp))
    np.testing.assert_allclose(np.reshape(depth_info.k, (3, 3)), matrix, atol=1e-6)
    np.testing.assert_allclose(np.reshape(depth_info.p, (3, 4))[:, :3], matrix, atol=1e-6)
    assert (depth_info.width, depth_info.height) == (rgb.shape[1], rgb.shape[0]) == depth.shape[::-1]
    roi = depth_info.roi
    assert (depth_info.binning_x, depth_info.binning_y, roi.x_offset, roi.y_offset, roi.width) == (0, 0, 0, 0, 0)
    dot = depth > 15
    rows, columns = np.nonzero(dot)
    expected = matrix @ POINT
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected[:2], atol=1.0)
    points = cloud[dot][:, :3]
    np.testing.assert_allclose((points / points[:, 2:]).mean(0), POINT, atol=2.0 / matrix[0, 0])
    return depth, depth_info


@pytest.mark.parametrize("model,d", [("equidistant", FISHEYE), ("rational_polynomial", RATIONAL)])
def test_a_distorting_lens_is_rectified_and_the_outputs_say_so(node, out, model, d):
    info = camera_info(width=WIDTH, height=HEIGHT, fx=200.0, d=d, model=model)
    info.p[0], info.p[5], info.p[2] = 170.0, 175.0, 155.0
    k, xyz, zero = np.reshape(info.k, (3, 3)), POINT.reshape(1, 1, 3), np.zeros(3)
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    pixel, _ = project(xyz, zero, zero, k, np.array(d))
    matrix = np.reshape(info.p, (3, 4))[:, :3]
    assert np.abs(pixel.ravel() - (matrix @ POINT)[:2]).max() > 4  # the lens moves the point visibly
    _, depth_info = _check(node, out, _dot(pixel.ravel()), info, matrix)
    assert list(depth_info.d) == [0.0] * 5 and depth_info.distortion_model == "plumb_bob"
    np.testing.assert_allclose(depth_info.r, np.eye(3).ravel())


def test_what_a_rectified_image_does_not_show_has_no_depth(node, out):
    info = camera_info(width=WIDTH, height=HEIGHT, fx=200.0, d=FISHEYE, model="equidistant")
    info.p[0] = info.p[5] = 60.0  # shows more than the lens saw
    stamp = node.send(image_message(_dot((160, 120))), info=info)
    depth = depth_array(out["depth"].of_stamp(stamp))
    assert np.isnan(depth[0, 0]) and np.isnan(depth[-1, -1]) and depth[120, 160] == 20.0


def test_window_and_bins_lead_from_the_sensor_to_the_image(node, out):
    info = camera_info(width=640, height=480, fx=500.0, fy=600.0)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 40, 400, 320
    info.binning_x, info.binning_y = 2, 4
    matrix = np.array([[250.0, 0, 110], [0, 150, 50], [0, 0, 1]])
    sensor = np.reshape(info.k, (3, 3)) @ POINT
    _check(node, out, _dot((sensor[:2] - [100, 40]) / [2, 4], (80, 200)), info, matrix)


def test_a_window_and_a_fisheye_lens_together(node, out):
    info = camera_info(width=640, height=480, fx=300.0, d=FISHEYE, model="equidistant")
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 120, 60, 480, 320
    info.binning_x = info.binning_y = 2
    pixel, _ = cv2.fisheye.projectPoints(
        POINT.reshape(1, 1, 3), np.zeros(3), np.zeros(3), np.reshape(info.k, (3, 3)), np.array(FISHEYE)
    )
    matrix = np.array([[150.0, 0, (320 - 120) / 2], [0, 150, (240 - 60) / 2], [0, 0, 1]])
    _check(node, out, _dot((pixel.ravel() - [120, 60]) / 2, (160, 240)), info, matrix)


def test_a_window_that_is_not_on_the_sensor_is_refused_loudly(node, out):
    info = camera_info(width=WIDTH, height=HEIGHT, fx=200.0)
    info.roi.x_offset, info.roi.width = 300, 100
    before = len(out["points"])
    stamp = node.send(image_message(_dot((160, 120))), info=info)
    assert out["info"].of_stamp(stamp).k[0] == 0 and out["depth"].of_stamp(stamp)
    node.wait_line("roi of camera_info .* is not inside")
    assert len(out["points"]) == before
