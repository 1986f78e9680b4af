# SPDX-License-Identifier: Apache-2.0
"""Launch files: their arguments and files everywhere, and what they really start where ROS's launch is installed."""

import ast
import os
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FILES = sorted((TOP / "launch").glob("*.launch.py"))
EXPECTED = {
    "image",
    "camera_info",
    "image_transport",
    "params_file",
    "namespace",
    "name",
    "log_level",
    "use_sim_time",
    "rviz",
    "weights",
    "coarse",
    "coarse_depth",
    "device",
}


def declared(path: Path) -> dict[str, dict[str, ast.expr]]:
    """Arguments that a launch file declares, with the keywords of each declaration."""
    found = {}
    for item in ast.walk(ast.parse(path.read_text())):
        if isinstance(item, ast.Call) and getattr(item.func, "id", "") == "DeclareLaunchArgument":
            found[item.args[0].value] = {keyword.arg: keyword.value for keyword in item.keywords}
    return found


def test_depth_has_the_agreed_arguments():
    assert set(declared(TOP / "launch" / "depth.launch.py")) >= EXPECTED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_has_a_default_and_a_description(path):
    arguments = declared(path)
    assert arguments or path.name == "large_frames.launch.py"
    assert [name for name, has in arguments.items() if not {"default_value", "description"} <= set(has)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_code_is_built_from_text(path):
    names = {item.id for item in ast.walk(ast.parse(path.read_text())) if isinstance(item, ast.Name)}
    assert not names & {"eval", "exec", "compile", "PythonExpression"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_that_a_launch_file_names_exist(path):
    strings = [
        item.value
        for item in ast.walk(ast.parse(path.read_text()))
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    names = [
        text for text in strings if text.endswith((".yaml", ".xml", ".rviz", ".launch.py", ".mcap")) and " " not in text
    ]
    places = [TOP / "config", TOP / "launch", TOP / "demo"]
    assert [name for name in names if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("path", sorted((TOP / "config").glob("*.param.yaml")), ids=lambda path: path.name)
def test_parameter_files_fit_the_node(path):
    """Names and types of the node's own table; a misspelt name would be ignored by ROS without a word."""
    table = pytest.importorskip("prv2_ros.node.parameter_table").BY_NAME
    content = yaml.safe_load(path.read_text())
    assert list(content) == ["/**"]
    values = content["/**"]["ros__parameters"]
    assert set(values) <= set(table)
    for name, value in values.items():
        assert type(value) is type(table[name].default), f"{name}: {value!r}"
        assert table[name].problem(value) is None


def test_rviz_config_shows_the_nodes_topics():
    displays = yaml.safe_load((TOP / "config" / "depth.rviz").read_text())["Visualization Manager"]["Displays"]
    topics = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    assert topics == {"image", "points", "depth/image_color", "depth/image_rect"}
    cloud = next(display for display in displays if display["Class"].endswith("PointCloud2"))
    assert cloud["Color Transformer"] == "RGB8"


# From here on ROS's own launch is needed, which comes with a ROS distribution only.


def started(name: str, **arguments: str) -> list:
    """Actions of a launch file, with everything inside it visited, for given arguments."""
    pytest.importorskip("launch_ros", reason="launch comes with a ROS distribution")
    from launch import LaunchContext
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch_ros.actions import Node

    context = LaunchContext()
    context.launch_configurations.update(arguments)
    nodes = []

    def visit(entities: list) -> None:
        for entity in entities:
            if isinstance(entity, Node):
                entity._perform_substitutions(context)
                nodes.append(entity)
            elif made := entity.visit(context):
                visit(made)

    source = PythonLaunchDescriptionSource(str(TOP / "launch" / name))
    visit(source.get_launch_description(context).entities)
    return nodes


def _module(name: str) -> object:
    """A launch file as a module."""
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    loader = SourceFileLoader("launch_file", str(TOP / "launch" / name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def remapped(node: object) -> dict[str, str]:
    """Remappings of a node action as plain text."""
    return dict(node.expanded_remapping_rules or [])


def test_depth_launch_starts_the_node_where_it_is_told():
    (node,) = started("depth.launch.py", namespace="/front", image="/cam/image_raw", camera_info="/cam/info")
    assert node.node_name == "/front/depth_node"
    assert remapped(node) == {"image": "/cam/image_raw", "camera_info": "/cam/info"}


def test_autoware_names():
    (node,) = started("autoware.launch.py", camera="camera3")
    assert node.node_name == "/perception/depth_estimation/camera3/depth_node"
    assert remapped(node)["image"] == "/sensing/camera/camera3/image_rect_color"


def test_multi_camera_is_one_process():
    (node,) = started("multi_camera.launch.py", cameras="left, right", image="/{camera}/image")
    assert remapped(node) == {"left/image": "/left/image", "right/image": "/right/image"}


def test_several_autoware_cameras_have_their_own_topics_once():
    (node,) = started("autoware.launch.py", cameras="camera0,camera1")
    assert node.node_name == "/perception/depth_estimation/depth_node"
    sensing = {
        f"{c}/{n}": f"/sensing/camera/{c}/{t}"
        for c in ("camera0", "camera1")
        for n, t in (("image", "image_rect_color"), ("camera_info", "camera_info"))
    }
    assert remapped(node) == sensing


@pytest.mark.parametrize("name", ["image", "camera_info"])
@pytest.mark.parametrize("file", ["depth", "autoware", "multi_camera"])
def test_one_topic_for_two_cameras_is_refused(file, name):
    with pytest.raises(RuntimeError, match=f"{name}:=/one is one topic for 2 cameras"):
        started(f"{file}.launch.py", cameras="left,right", **{name: "/one"})


@pytest.mark.parametrize("transport", ["", "compressed"])
def test_a_compressed_topic_is_that_of_the_raw_one(transport):
    (node,) = started("depth.launch.py", image="/cam/image_raw/compressed", image_transport=transport)
    assert remapped(node)["image"] == "/cam/image_raw"
    module = _module("depth.launch.py")
    value = {a.name: "" for a in module.ARGUMENTS} | {"params_file": str(TOP / "config" / "depth.param.yaml")}
    value = module.checked(value | {"image": "/cam/image_raw/compressed", "image_transport": transport}, [])
    assert module.overrides(value, [])["image_transport"].evaluate(None) == "compressed"


@pytest.mark.parametrize(
    "arguments,words",
    [
        ({"image": "/cam/1image"}, "not a topic's name"),
        ({"image": "cam image"}, "not a topic's name"),
        ({"camera_info": "/cam//info"}, "not a topic's name"),
        ({"image": "/{camera}/image"}, "name them with cameras"),
        ({"image": "/cam/image/compressed", "image_transport": "raw"}, "compressed topic"),
    ],
)
def test_topics_that_cannot_be_meant_are_refused_in_a_sentence(arguments, words):
    with pytest.raises(RuntimeError, match=words):
        started("depth.launch.py", **arguments)


def test_a_node_that_could_not_start_is_an_error_and_one_that_was_stopped_is_not():
    pytest.importorskip("launch_ros", reason="launch comes with a ROS distribution")
    from launch import LaunchContext
    from launch.events.process import ProcessExited

    on_exit = _module("depth.launch.py").on_exit
    context = LaunchContext()

    def ended(status):
        event = ProcessExited(action=None, name="depth_node-1", cmd=[], cwd=None, env=None, pid=1, returncode=status)
        on_exit(event, context)

    for status in (0, 3, -2, -15):
        ended(status)
    with pytest.raises(RuntimeError, match=r"could not start.*exit status 2"):
        ended(2)


def test_missing_parameter_file_is_refused():
    """launch_ros itself only warns, and the node would run with its defaults."""
    with pytest.raises(RuntimeError, match=r"params_file:=/none\.yaml is not a file"):
        started("depth.launch.py", params_file="/none.yaml")


def test_demo_without_a_player_says_what_to_install():
    from importlib.util import find_spec

    if find_spec("ros2bag"):
        assert started("demo.launch.py", bag=str(TOP / "demo"))
        return
    with pytest.raises(RuntimeError, match="install ros2bag"):
        started("demo.launch.py", bag=str(TOP / "demo"))


def test_missing_recording_is_refused():
    with pytest.raises(RuntimeError, match="does not exist"):
        started("demo.launch.py", bag="/none")


@pytest.mark.parametrize("distro", ["humble", "kilted"])
def test_profile_for_large_frames_is_set_unless_one_is_chosen(monkeypatch, distro):
    pytest.importorskip("launch_ros", reason="launch comes with a ROS distribution")
    names = {"humble": "FASTRTPS_DEFAULT_PROFILES_FILE", "kilted": "FASTDDS_DEFAULT_PROFILES_FILE"}
    for name in names.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ROS_DISTRO", distro)
    (node,) = started("depth.launch.py")
    assert node is not None
    assert os.environ[names[distro]].endswith("config/fastdds.xml")
    monkeypatch.setenv(names[distro], "mine.xml")
    started("depth.launch.py")
    assert os.environ[names[distro]] == "mine.xml"
