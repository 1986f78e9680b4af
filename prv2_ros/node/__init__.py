# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: image and camera_info in; metric depth, camera_info, cloud, timing and diagnostics out.

This is the only room that imports rclpy. It knows the engine and nothing below it.
"""
