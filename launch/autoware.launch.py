# SPDX-License-Identifier: Apache-2.0
"""Depth of an Autoware camera: from /sensing/camera/<camera> to /perception/depth_estimation/<camera>."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("prv2_ros"))
CAMERA = LaunchConfiguration("camera")


def generate_launch_description() -> LaunchDescription:
    """depth.launch.py with Autoware's names; its other arguments hold here too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("camera", default_value="camera0", description="Name of the camera, e.g. camera0."),
            DeclareLaunchArgument(
                "image",
                default_value=["/sensing/camera/", CAMERA, "/image_rect_color"],
                description="Rectified image topic.",
            ),
            DeclareLaunchArgument(
                "camera_info",
                default_value=["/sensing/camera/", CAMERA, "/camera_info"],
                description="CameraInfo topic of that image.",
            ),
            DeclareLaunchArgument(
                "namespace",
                default_value=["/perception/depth_estimation/", CAMERA],
                description="Namespace of the node and its topics.",
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=str(SHARE / "config" / "autoware.param.yaml"),
                description="YAML file with the node's parameters.",
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SHARE / "launch" / "depth.launch.py"))),
        ]
    )
