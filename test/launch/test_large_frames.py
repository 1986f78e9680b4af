# SPDX-License-Identifier: Apache-2.0
"""config/fastdds.xml does what it is for: raw frames arrive whole in another process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

TOP = Path(__file__).resolve().parents[2]
FRAMES = 8

PROGRAM = """
import array, sys, time
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
role, frames = sys.argv[1], int(sys.argv[2])
rclpy.init()
node = rclpy.create_node(role)
qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
deadline = time.monotonic() + 60
if role == "camera":
    publisher = node.create_publisher(Image, "image", qos)
    message = Image(height=2160, width=3840, encoding="rgb8", step=3 * 3840)
    message.data = array.array("B", bytes(3 * 3840 * 2160))
    while not publisher.get_subscription_count() and time.monotonic() < deadline:
        time.sleep(0.1)
    for number in range(frames):
        message.header.stamp.sec = number
        publisher.publish(message)
        time.sleep(0.4)
    time.sleep(1.0)
else:
    arrived = set()
    node.create_subscription(Image, "image", lambda image: arrived.add(image.header.stamp.sec), qos)
    seen = False
    while time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.1)
        there = node.count_publishers("image") > 0
        if frames - 1 in arrived or (seen and not there):
            break
        seen = seen or there
    print("arrived", len(arrived))
rclpy.shutdown()
"""


def test_raw_4k_frames_arrive_with_best_effort():
    profile = str(TOP / "config" / "fastdds.xml")
    environment = {**os.environ, "FASTDDS_DEFAULT_PROFILES_FILE": profile, "FASTRTPS_DEFAULT_PROFILES_FILE": profile}
    if os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") != "rmw_fastrtps_cpp":
        pytest.skip("the profile is for Fast DDS")
    command = [sys.executable, "-c", PROGRAM]
    camera = subprocess.Popen([*command, "camera", str(FRAMES)], env=environment)
    try:
        done = subprocess.run(
            [*command, "viewer", str(FRAMES)], env=environment, capture_output=True, text=True, timeout=120
        )
        camera.wait(60)
    finally:
        camera.kill()
    arrived = int(done.stdout.split("arrived")[1])
    # With Fast DDS's default sizes it is 0.
    assert arrived >= FRAMES // 2, done.stderr
