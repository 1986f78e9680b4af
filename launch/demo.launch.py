# SPDX-License-Identifier: Apache-2.0
"""The demo recording through the node, with rviz2 where there is one: `ros2 launch prv2_ros demo.launch.py`."""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("prv2_ros"))


def play(context: LaunchContext) -> list:
    """`ros2 bag play` with the recording's clock."""
    bag = Path(LaunchConfiguration("bag").perform(context))
    if not bag.exists():
        raise RuntimeError(f"bag:={bag} does not exist")
    try:
        get_package_prefix("ros2bag")
        get_package_prefix("rosbag2_storage_mcap")
    except PackageNotFoundError as error:
        raise RuntimeError(f"{error}: install ros2bag and rosbag2_storage_mcap of your ROS distribution") from error
    command = ["ros2", "bag", "play", str(bag), "--clock", "--delay", LaunchConfiguration("delay").perform(context)]
    command += ["--rate", LaunchConfiguration("rate").perform(context)]
    if LaunchConfiguration("loop").perform(context) == "true":
        command.append("--loop")
    return [ExecuteProcess(cmd=command, output="screen")]


def generate_launch_description() -> LaunchDescription:
    """depth.launch.py on the recording's topics; its other arguments hold here too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag", default_value=str(SHARE / "demo"), description="Recording with image/compressed and camera_info."
            ),
            DeclareLaunchArgument(
                "rate", default_value="0.2", description="Pace of playing; a CPU needs seconds a frame."
            ),
            DeclareLaunchArgument("delay", default_value="15", description="Seconds until playing starts."),
            DeclareLaunchArgument(
                "loop", default_value="true", choices=["true", "false"], description="Start again at the end."
            ),
            DeclareLaunchArgument(
                "image_transport",
                default_value="compressed",
                choices=["raw", "compressed"],
                description="How the recording holds its images.",
            ),
            DeclareLaunchArgument(
                "use_sim_time",
                default_value="true",
                choices=["true", "false"],
                description="Follow the recording's clock, or frames look as old as the recording.",
            ),
            DeclareLaunchArgument(
                "rviz",
                default_value="auto",
                choices=["true", "false", "auto"],
                description="Start rviz2; auto does so where it is installed.",
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SHARE / "launch" / "large_frames.launch.py"))),
            # Before the node: what it refuses must not leave a node behind.
            OpaqueFunction(function=play),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SHARE / "launch" / "depth.launch.py"))),
        ]
    )
