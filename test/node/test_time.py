# SPDX-License-Identifier: Apache-2.0
"""Simulated time: ages, rates and stamps follow /clock, and the node works when the clock jumps or stands still."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import camera_info, image_message, rgb_image, wait_until
from rosgraph_msgs.msg import Clock


def test_simulated_time_is_honoured_everywhere(start_node):
    node = start_node(parameters={"use_sim_time": True, "points.rate": 1.0, "points.stride": 8})
    clock = node.probe.node.create_publisher(Clock, "/clock", 10)
    out = node.outputs("depth", "points", "timing")
    wait_until(lambda: clock.get_subscription_count() == 1)
    collector = node.diagnostics()

    def frame(seconds, age_ms=40):
        message = Clock()
        message.clock.sec = seconds
        clock.publish(message)
        image = image_message(rgb_image())
        image.header.stamp.sec, image.header.stamp.nanosec = seconds - 1, int(1e9 - age_ms * 1e6)
        wait_until(lambda: collector and collector[-1]["engine"])
        return node.send(image, info=camera_info())

    def is_set(seconds):
        # The clock and the image are different topics: ask again until the node's clock has arrived.
        stamp = frame(seconds)
        return abs(out["timing"].of_stamp(stamp).frame_age_ms - 40) < 0.01

    wait_until(lambda: is_set(1000), period_s=0.1)
    assert out["depth"]
    # The rate of clouds is one of simulated seconds, forwards and after a jump back.
    for seconds, expected in ((1002, 1), (1002, 0), (1003, 1), (500, 1), (500, 0)):
        wait_until(lambda seconds=seconds: is_set(seconds), period_s=0.1)
        count = len(out["points"])
        if expected:
            assert any(p.header.stamp.sec == seconds - 1 for p in wait_until(lambda: list(out["points"])))
        else:
            stamp = frame(seconds, age_ms=30)
            out["timing"].of_stamp(stamp)
            assert len(out["points"]) == count
    collector.clear()
    values = wait_until(lambda: collector and collector[-1]["camera"][2])
    # Simulated time stands still: the age of the last frame does not grow.
    assert float(values["frame_age_ms"]) == pytest.approx(30, abs=11)
    assert "no image on" not in node.log
    node.probe.node.destroy_publisher(clock)
