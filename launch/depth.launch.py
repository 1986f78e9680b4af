# SPDX-License-Identifier: Apache-2.0
"""Start the depth node on an image topic: `ros2 launch prv2_ros depth.launch.py image:=/camera/image_raw`."""

import re
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(get_package_share_directory("prv2_ros"))
BOOL = ["true", "false"]
COMPRESSED = "/compressed"
TOPIC = re.compile(r"(~/|/)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*")

ARGUMENTS = [
    DeclareLaunchArgument(
        "image",
        default_value="image",
        description="Image topic; {camera} is a camera's name. One that ends in /compressed is a compressed one.",
    ),
    DeclareLaunchArgument(
        "camera_info",
        default_value="",
        description="CameraInfo topic; empty is camera_info beside the image; {camera} is a camera's name.",
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="raw, or compressed for <image>/compressed; empty leaves it to image and params_file.",
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
        "coarse",
        default_value="",
        description="Coarse depth: folder or hub name of a metric depth model of transformers, or topic for depth "
        "measured on coarse_depth; empty leaves it to params_file.",
    ),
    DeclareLaunchArgument(
        "coarse_depth",
        default_value="",
        description="With coarse:=topic, Image topic of the measured depth; {camera} is a camera's name.",
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


def checked(value: dict[str, str], cameras: list[str]) -> dict[str, str]:
    """The arguments as they are meant; raises RuntimeError for those that cannot be."""
    value = dict(value)
    if value["image"].endswith(COMPRESSED):
        if value["image_transport"] == "raw":
            raise RuntimeError(f"image:={value['image']} is a compressed topic, but image_transport:=raw")
        value["image"] = value["image"].removesuffix(COMPRESSED)
        value["image_transport"] = "compressed"
    for name in ("image", "camera_info"):
        topic = value[name]
        if topic and not TOPIC.fullmatch(topic.replace("{camera}", cameras[0] if cameras else "camera")):
            raise RuntimeError(f"{name}:={topic} is not a topic's name such as /camera/image_raw")
        if len(cameras) > 1 and "{camera}" not in topic and topic not in ("", name):
            raise RuntimeError(f"{name}:={topic} is one topic for {len(cameras)} cameras; write {{camera}} in it")
        if "{camera}" in topic and not cameras:
            raise RuntimeError(f"{name}:={topic} stands for several cameras; name them with cameras:=front,rear")
    if not Path(value["params_file"]).is_file():
        raise RuntimeError(f"params_file:={value['params_file']} is not a file")
    if value["rviz"] == "true" and not has_package("rviz2"):
        raise RuntimeError("rviz:=true, but rviz2 is not installed; rviz:=auto starts it only where it is")
    return value


def on_exit(event: ProcessExited, context: LaunchContext) -> None:
    """Let `ros2 launch` end with an error when the node could not start.

    Status 3 is a device that was lost later: a supervisor may start the node anew.
    """
    if event.returncode in (1, 2) and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} could not start, see above (exit status {event.returncode})")


def overrides(value: dict[str, str], cameras: list[str]) -> dict:
    """Parameters from launch arguments; an empty argument leaves the parameter to the file."""
    texts = {name: value[name] for name in ("image_transport", "weights", "coarse", "device") if value[name]}
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
        for name in ("image", "camera_info", "coarse_depth"):
            topic = value[name].replace("{camera}", camera)
            if topic and topic != name:
                pairs.append((prefix + name, topic))
    return pairs


def start(context: LaunchContext) -> list:
    """The node, and rviz2 with the same namespace and remappings, so that its relative topics are the node's."""
    value = {argument.name: LaunchConfiguration(argument.name).perform(context).strip() for argument in ARGUMENTS}
    cameras = [name.strip() for name in value["cameras"].split(",") if name.strip()]
    value = checked(value, cameras)
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
            on_exit=on_exit,
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
