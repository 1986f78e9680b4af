# SPDX-License-Identifier: Apache-2.0
"""Start the depth node on an image topic: `ros2 launch prv2_ros depth.launch.py image:=/camera/image_raw`."""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(get_package_share_directory("prv2_ros"))
BOOL = ["true", "false"]

ARGUMENTS = [
    DeclareLaunchArgument("image", default_value="image", description="Image topic; {camera} is a camera's name."),
    DeclareLaunchArgument(
        "camera_info", default_value="", description="CameraInfo topic; empty is camera_info beside the image."
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="raw, or compressed for <image>/compressed; empty leaves it to params_file.",
    ),
    DeclareLaunchArgument(
        "cameras",
        default_value="",
        description="Cameras that one network serves, separated by commas, e.g. front,rear; empty is a single camera.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(SHARE / "config" / "depth.param.yaml"),
        description="YAML file with the node's parameters.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node and its topics."),
    DeclareLaunchArgument("name", default_value="depth_node", description="Name of the node."),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="Lowest level that the node logs.",
    ),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOL, description="Follow /clock instead of the system's clock."
    ),
    DeclareLaunchArgument(
        "rviz",
        default_value="false",
        choices=[*BOOL, "auto"],
        description="Start rviz2 with config/depth.rviz; auto does so where rviz2 is installed.",
    ),
    DeclareLaunchArgument(
        "weights",
        default_value="",
        description="Name of weights that come with the package, or path of a .safetensors file; "
        "empty leaves it to params_file.",
    ),
    DeclareLaunchArgument(
        "device", default_value="", description="auto, cpu, cuda or cuda:N; empty leaves it to params_file."
    ),
]


def has_package(name: str) -> bool:
    """Whether a ROS package is installed."""
    try:
        get_package_prefix(name)
    except PackageNotFoundError:
        return False
    return True


def overrides(value: dict[str, str], cameras: list[str]) -> dict:
    """Parameters from launch arguments; an empty argument leaves the parameter to the file."""
    texts = {name: value[name] for name in ("image_transport", "weights", "device") if value[name]}
    parameters = {name: ParameterValue(text, value_type=str) for name, text in texts.items()}
    parameters["use_sim_time"] = value["use_sim_time"] == "true"
    if cameras:
        parameters["cameras"] = cameras
    return parameters


def remappings(value: dict[str, str], cameras: list[str]) -> list[tuple[str, str]]:
    """Input topics of every camera to where they really are."""
    pairs = []
    for camera in cameras or [""]:
        prefix = f"{camera}/" if camera else ""
        for name in ("image", "camera_info"):
            topic = value[name].replace("{camera}", camera)
            if topic and topic != name:
                pairs.append((prefix + name, topic))
    return pairs


def start(context: LaunchContext) -> list:
    """The node, and rviz2 with the same namespace and remappings, so that its relative topics are the node's."""
    value = {argument.name: LaunchConfiguration(argument.name).perform(context).strip() for argument in ARGUMENTS}
    cameras = [name.strip() for name in value["cameras"].split(",") if name.strip()]
    if len(cameras) > 1 and "{camera}" not in value["image"] and value["image"] != "image":
        raise RuntimeError(f"image:={value['image']} is one topic for {len(cameras)} cameras; write {{camera}} in it")
    if not Path(value["params_file"]).is_file():
        raise RuntimeError(f"params_file:={value['params_file']} is not a file")
    if value["rviz"] == "true" and not has_package("rviz2"):
        raise RuntimeError("rviz:=true, but rviz2 is not installed; rviz:=auto starts it only where it is")
    # The node's own logger: a level for all would bury its lines under those of the middleware.
    logger = ".".join([*filter(None, value["namespace"].split("/")), value["name"]])
    actions = [
        Node(
            package="prv2_ros",
            executable="depth_node",
            namespace=value["namespace"],
            name=value["name"],
            parameters=[value["params_file"], overrides(value, cameras)],
            remappings=remappings(value, cameras),
            arguments=["--ros-args", "--log-level", f"{logger}:={value['log_level']}"],
            output="screen",
            emulate_tty=True,
            # A SIGINT that arrives while weights are loaded is answered after that.
            sigterm_timeout="10",
        )
    ]
    if value["rviz"] == "true" or (value["rviz"] == "auto" and has_package("rviz2")):
        actions.append(
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=value["namespace"],
                arguments=["-d", str(SHARE / "config" / "depth.rviz")],
                parameters=[{"use_sim_time": value["use_sim_time"] == "true"}],
                remappings=remappings(value, cameras[:1]),
            )
        )
    elif value["rviz"] == "auto":
        actions.append(LogInfo(msg="rviz2 is not installed; the node runs without it"))
    return actions


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` runs."""
    large_frames = PythonLaunchDescriptionSource(str(SHARE / "launch" / "large_frames.launch.py"))
    return LaunchDescription([*ARGUMENTS, IncludeLaunchDescription(large_frames), OpaqueFunction(function=start)])
