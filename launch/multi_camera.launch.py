# SPDX-License-Identifier: Apache-2.0
"""Several cameras, one process, one network: `ros2 launch prv2_ros multi_camera.launch.py cameras:=front,rear`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

DEPTH = Path(get_package_share_directory("prv2_ros")) / "launch" / "depth.launch.py"


def generate_launch_description() -> LaunchDescription:
    """depth.launch.py with other defaults; its own arguments hold here too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "cameras", default_value="front,rear", description="Names of the cameras, separated by commas."
            ),
            DeclareLaunchArgument(
                "image",
                default_value="{camera}/image_raw",
                description="Image topic of each camera; {camera} stands for its name.",
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(DEPTH))),
        ]
    )
