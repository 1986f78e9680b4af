# SPDX-License-Identifier: Apache-2.0
"""The camera of an image, from its camera_info, and removal of lens distortion. Knows nothing of ROS: any object with
the fields of sensor_msgs/CameraInfo works, whether from rclpy, from a recording, or made by hand.
"""

from prv2_ros.camera.calibration import Calibration
from prv2_ros.camera.info import says_rectified
from prv2_ros.camera.model import UNCALIBRATED, CameraModel
from prv2_ros.camera.rectification import Rectifier

__all__ = ["UNCALIBRATED", "Calibration", "CameraModel", "Rectifier", "says_rectified"]
