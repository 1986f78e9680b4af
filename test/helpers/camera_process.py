# SPDX-License-Identifier: Apache-2.0
"""A camera as a process of its own, to be killed: 50 small images a second with camera_info."""

import os
import time

import rclpy
from sensor_msgs.msg import CameraInfo, Image


def run(namespace: str, env: dict[str, str], period_s: float = 0.02) -> None:
    """Publish until killed."""
    os.environ.update(env)
    rclpy.init(args=[])
    node = rclpy.create_node("camera")
    images = node.create_publisher(Image, f"{namespace}/image", 1)
    infos = node.create_publisher(CameraInfo, f"{namespace}/camera_info", 1)
    message = Image(height=48, width=64, encoding="rgb8", step=192)
    message.data = bytes(48 * 192)
    info = CameraInfo(height=48, width=64, distortion_model="plumb_bob")
    info.k = [50.0, 0.0, 32.0, 0.0, 50.0, 24.0, 0.0, 0.0, 1.0]
    message.header.frame_id = info.header.frame_id = "camera_optical"
    while True:
        message.header.stamp = info.header.stamp = node.get_clock().now().to_msg()
        infos.publish(info)
        images.publish(message)
        time.sleep(period_s)
