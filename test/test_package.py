# SPDX-License-Identifier: Apache-2.0
"""The package as a whole: one version, a clean package.xml, documented messages, files of a size one can hold."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

import prv2_ros
from prv2_ros.cli.main import COMMANDS

TOP = Path(__file__).resolve().parents[1]
XML = ElementTree.parse(TOP / "package.xml").getroot()
TRACKED = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True).stdout.split("\0")[:-1]

# Files over 250 lines, each with its reason.
LONG = {}


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository that match; all files of the folder where there is no git."""
    found = [TOP / name for name in TRACKED] or [path for path in TOP.rglob("*") if ".venv" not in path.parts]
    return [path for path in found if path.is_file() and any(path.match(pattern) for pattern in patterns)]


def test_version_has_one_place():
    version = XML.findtext("version")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert prv2_ros.__version__ == version
    assert metadata.version("prv2_ros") == version
    elsewhere = [
        path
        for path in tracked("*.py", "*.toml", "*.cfg", "*.txt")
        if path.name != "requirements-lock.txt"
        and re.search(rf"(?m)^\s*(__version__|version)\s*=\s*['\"]{re.escape(version)}", path.read_text())
    ]
    assert elsewhere == []


def test_package_xml():
    assert XML.get("format") == "3"
    assert XML.findtext("license") == "Apache-2.0"
    assert XML.findtext("export/build_type") == "ament_cmake"
    assert XML.findtext("member_of_group") == "rosidl_interface_packages"
    assert [element.tag for element in XML][:4] == ["name", "version", "description", "maintainer"]
    depends = [element.text for element in XML if element.tag.endswith("depend")]
    assert len(depends) == len(set(depends))
    heavy = {"torch", "torchvision", "timm", "transformers"}
    assert not [name for name in depends if any(word in name for word in heavy)]


def test_package_xml_as_colcon_reads_it():
    package = pytest.importorskip("catkin_pkg.package").parse_package(str(TOP))
    package.validate()
    assert package.get_build_type() == "ament_cmake"


def test_ros_packages_that_the_code_imports_are_named():
    depends = {element.text for element in XML if element.tag.endswith("depend")}
    ours = {"prv2_ros", "rosidl_runtime_py"}
    used = set()
    for path in [*tracked("prv2_ros/node/*.py"), *tracked("launch/*.py")]:
        for item in ast.walk(ast.parse(path.read_text())):
            if isinstance(item, ast.ImportFrom) and item.module:
                used.add(item.module.split(".")[0])
            elif isinstance(item, ast.Import):
                used |= {alias.name.split(".")[0] for alias in item.names}
    ros = {
        name
        for name in used
        if name.endswith(("_msgs", "_srvs", "_interfaces"))
        or name in {"rclpy", "launch", "launch_ros", "ament_index_python"}
    }
    assert ros - depends - ours == set()


@pytest.mark.parametrize("path", sorted((TOP / "msg").glob("*.msg")), ids=lambda path: path.name)
def test_every_message_field_says_its_meaning_and_unit(path):
    fields = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert fields
    bare = [line for line in fields if not re.search(r"#.+\[\S+\]$", line) and "std_msgs/Header" not in line]
    assert bare == []
    times = [line.split()[1] for line in fields if line.startswith("float32")]
    assert times and all(name.endswith("_ms") for name in times)


@pytest.mark.parametrize("path", tracked("*.py"), ids=lambda path: str(path.relative_to(TOP)))
def test_licence_line_and_docstring(path):
    text = path.read_text()
    assert "# SPDX-License-Identifier: Apache-2.0" in text.splitlines()[:2], "first line (or second, after #!)"
    if path.is_relative_to(TOP / "prv2_ros"):
        assert ast.get_docstring(ast.parse(text)), "the module says what it is for"


def test_files_can_be_held_in_the_head():
    long = {
        str(path.relative_to(TOP)): lines
        for path in tracked("prv2_ros/*.py", "prv2_ros/**/*.py")
        if (lines := len(path.read_text().splitlines())) > 250
    }
    assert set(long) <= set(LONG), "over 250 lines: split them, or give LONG the reason"
    assert set(LONG) <= set(long), "LONG names files that are short by now"


def test_large_files_stay_where_they_belong():
    large = [str(path.relative_to(TOP)) for path in tracked("*") if path.stat().st_size > 2**20]
    assert [name for name in large if not name.startswith(("weights/", "demo/", "doc/"))] == []
    for folder, most_mib in (("weights", 24), ("demo", 12)):
        sizes = [path.stat().st_size for path in tracked("*") if path.is_relative_to(TOP / folder)]
        assert sum(sizes) <= most_mib * 2**20, folder


@pytest.mark.parametrize("command", COMMANDS)
def test_subcommand_exists_and_shows_its_arguments(command):
    module = import_module(f"prv2_ros.cli.{command}")
    assert callable(module.run) and callable(module.add_arguments)


def test_command_prv2():
    # colcon installs no command into PATH, pip does.
    command = ["prv2"] if shutil.which("prv2") else [sys.executable, "-m", "prv2_ros.cli.main"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    for command in COMMANDS:
        assert command in shown.stdout


def test_import_costs_nothing():
    """`import prv2_ros` and `prv2 --help` load neither torch nor ROS."""
    code = "import sys, prv2_ros, prv2_ros.cli.main; print([m for m in ('torch', 'cv2', 'rclpy') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert shown.stdout.strip() == "[]", shown.stderr


def test_public_names():
    for name in prv2_ros.__all__:
        assert getattr(prv2_ros, name) is not None
    with pytest.raises(AttributeError, match="DepthEngine"):
        prv2_ros.no_such_name


def test_message_of_this_package():
    message = pytest.importorskip("prv2_ros.msg").DepthTiming()
    message.tiles_ms = 12.5
    message.frames_dropped = 2**40
    assert message.get_fields_and_field_types()["header"] == "std_msgs/Header"
    assert message.tiles_ms == 12.5 and message.frames_dropped == 2**40


@pytest.mark.skipif("AMENT_PREFIX_PATH" not in os.environ, reason="needs the colcon build")
@pytest.mark.parametrize("program", ["depth_node", "prv2"])
def test_installed_program(program):
    """What `ros2 run` starts: executable, with an interpreter that exists."""
    paths = [Path(prefix) / "lib" / "prv2_ros" / program for prefix in os.environ["AMENT_PREFIX_PATH"].split(":")]
    path = next(path for path in paths if path.exists())
    assert os.access(path, os.X_OK)
    interpreter = path.read_text().splitlines()[0].removeprefix("#!").split()
    assert Path(interpreter[0]).exists()
    done = subprocess.run([*interpreter, "-c", "import prv2_ros.cli.main"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_installed_share_holds_the_same_files():
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if prefix]
    share = next((path for prefix in prefixes if (path := prefix / "share" / "prv2_ros").exists()), None)
    if share is None:
        pytest.skip("needs the colcon build")
    for path in tracked("*"):
        if path.relative_to(TOP).parts[0] not in ("launch", "config", "weights", "demo"):
            continue
        assert (share / path.relative_to(TOP)).exists(), f"{path.relative_to(TOP)} is not installed"
