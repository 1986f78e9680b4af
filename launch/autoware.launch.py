# SPDX-License-Identifier: Apache-2.0
"""Depth of Autoware cameras: from /sensing/camera/<camera> to /perception/depth_estimation/<camera>."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, SetLaunchConfiguration
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("prv2_ros"))
NAMESPACE = "/perception/depth_estimation"


def fill_in(context: LaunchContext) -> list:
    """One camera's name for {camera} and in the namespace; several have theirs below one namespace, from the node."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ("camera", "image", "camera_info")}
    several = LaunchConfiguration("cameras").perform(context).strip()
    if not several:
        value["image"], value["camera_info"] = (
            value[name].replace("{camera}", value["camera"]) for name in ("image", "camera_info")
        )
    namespace = LaunchConfiguration("namespace").perform(context)
    value["namespace"] = namespace or (NAMESPACE if several else f"{NAMESPACE}/{value['camera']}")
    return [SetLaunchConfiguration(name, text) for name, text in value.items()]


def generate_launch_description() -> LaunchDescription:
    """depth.launch.py with Autoware's names; its other arguments hold here too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("camera", default_value="camera0", description="Name of the camera, e.g. camera0."),
            DeclareLaunchArgument(
                "cameras",
                default_value="",
                description="Several cameras that one network serves, e.g. camera0,camera1, in place of camera.",
            ),
            DeclareLaunchArgument(
                "image",
                default_value="/sensing/camera/{camera}/image_rect_color",
                description="Rectified image topic; {camera} is a camera's name.",
            ),
            DeclareLaunchArgument(
                "camera_info",
                default_value="/sensing/camera/{camera}/camera_info",
                description="CameraInfo topic of that image; {camera} is a camera's name.",
            ),
            DeclareLaunchArgument(
                "namespace",
                default_value="",
                description="Namespace of the node; empty is /perception/depth_estimation, with the name of a single "
                "camera behind it, so that depth is in /perception/depth_estimation/<camera>/depth.",
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=str(SHARE / "config" / "autoware.param.yaml"),
                description="YAML file with the node's parameters.",
            ),
            OpaqueFunction(function=fill_in),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SHARE / "launch" / "depth.launch.py"))),
        ]
    )
