# SPDX-License-Identifier: Apache-2.0
"""Calibrations as they arrive: once before the node, beside an image that is rectified already, or senseless."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import TRANSIENT, camera_info, depth_array, image_message, rgb_image, wait_until
from sensor_msgs.msg import CameraInfo


@pytest.fixture(scope="module")
def node(start_node):
    """Of an image called image_rect; nobody publishes camera_info yet."""
    values = {"camera_info_wait_s": 0.0, "points.stride": 1}
    return start_node(parameters=values, remaps={"image": "image_rect"})


def _send(node, info=None):
    return node.send(image_message(rgb_image()), topic="image_rect", info=info)


def test_the_warning_names_the_topic_and_who_publishes_there(node):
    node.outputs("depth", prime=lambda: _send(node))
    line = node.wait_line("no_camera_info")
    assert f"listens to '{node.topic('camera_info')}', published by: nobody" in line


def test_a_camera_info_that_was_sent_before_the_node_listened_counts_and_image_rect_is_not_rectified_again(node):
    assert node.change("deactivate")
    publisher = node.publisher(CameraInfo, "camera_info", TRANSIENT, matched=False)
    info = camera_info(fx=50, d=[-0.4, 0.1, 0, 0, 0])
    info.p[0] = info.p[5] = 45.0
    publisher.publish(info)
    assert node.change("activate")
    assert f"'{node.topic('image_rect')}' is rectified already: P of camera_info describes it" in node.log
    out = node.outputs("depth", "info", "points", prime=lambda: _send(node))
    stamp = _send(node)
    depth, made, points = (out[name].of_stamp(stamp) for name in ("depth", "info", "points"))
    assert points.width == 64 and np.isfinite(depth_array(depth)).all()
    assert (made.k[0], list(made.d)) == (45.0, [0.0] * 5)


def test_a_parameter_says_otherwise(node):
    out = node.outputs("info", prime=lambda: _send(node))
    node.must_set(input_rectified="false")
    # Rectified here, it shows parts of the picture that the lens did not.
    depth = node.outputs("depth", prime=lambda: _send(node))["depth"]
    stamp = _send(node)
    assert list(out["info"].of_stamp(stamp).d) == [0.0] * 5
    assert np.isnan(depth_array(depth.of_stamp(stamp))).any()
    node.must_set(input_rectified="auto")


def test_a_calibration_without_sense_is_told_with_its_numbers_and_warned_of(node):
    out = node.outputs("depth", "info", prime=lambda: _send(node))
    diagnostics = node.diagnostics()
    info = camera_info(fx=1)
    node.publishers["camera_info"].publish(info)
    # Image and camera_info travel on two topics: which comes first is not said.
    wait_until(lambda: _send(node) and "implausible" in node.log, period_s=0.2)
    assert "1 x 1 px" in node.wait_line("implausible")
    stamp = _send(node)
    assert out["info"].of_stamp(stamp).k[0] == 0
    diagnostics.clear()
    level, text, values = diagnostics.wait()["camera"]
    assert level == 1 and "is not metric" in text and values["calibrated"] == "False"
