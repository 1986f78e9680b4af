# SPDX-License-Identifier: Apache-2.0
"""The house's arrows: who may import whom, read from the syntax tree so that imports inside functions count too."""

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
CODE = TOP / "prv2_ros"

# Room: the rooms below it. A room may always import itself and the ground floor.
GROUND = {"errors", "paths", "version", "msg"}
ROOMS = {
    "model": set(),
    "tiling": {"model"},
    "engine": {"tiling", "model"},
    "node": {"engine", "viz", "media", "camera"},
    "camera": set(),
    "media": {"camera"},
    "viz": {"media"},
    "data": {"engine", "media", "bags", "camera"},
    "evaluation": {"engine", "tiling", "model", "data", "media"},
    "bags": {"engine", "media", "camera"},
    "render": {"data", "media", "bags", "engine"},
    "training": {"engine", "tiling", "model", "data", "media", "evaluation", "render", "viz"},
}
ROOMS["bench"] = {"engine", "tiling", "model"}
ROOMS["demo"] = {"engine", "media", "data", "bags", "evaluation", "viz"}
ROOMS["cli"] = set(ROOMS) - {"node"}

# A library that only some rooms may know; the reason is the room's name.
ROS = {
    "rclpy",
    "rcl_interfaces",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "diagnostic_msgs",
    "lifecycle_msgs",
    "geometry_msgs",
    "builtin_interfaces",
    "launch",
    "launch_ros",
    "ament_index_python",
}
ONLY_IN = {
    **{name: {"node"} for name in ROS},
    "lightning": {"training"},
    "mujoco": {"render"},
    "jinja2": {"viz"},
    "transformers": {"model"},
    "timm": {"model"},
    "rosbags": {"bags", "data"},
    "mcap": {"bags", "data"},
    "mcap_ros2": {"bags", "data"},
}
# Arrows that point up on purpose, with their reasons.
_PLAYER = ("bags.BagWriter", "bags.typestore", "bags.messages.stamp_ns", "bags.types.TIMING_TYPE", "demo.topics")
_PLAYER += tuple(f"demo.processes.{name}" for name in ("end", "last_lines", "start"))
_PLAYER += tuple(f"demo.recording.{name}" for name in ("DemoFrame", "read_frames"))
EXCEPTIONS = {
    **{("node/play.py", f"node imports prv2_ros.{name}"): "the demo's player needs rclpy" for name in _PLAYER},
    ("model/__init__.py", "model imports prv2_ros.tiling"): "PatchRefiner is promised under prv2_ros.model; looked up "
    "there only when somebody asks for it",
}
# "Tensors only: no files, no numpy."
NOT_IN_MODEL = {"numpy", "cv2", "PIL", "pathlib", "os", "io", "safetensors", "json"}


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of everything a module imports anywhere in it; `import_module("literal")` counts as well."""
    names = set()
    for item in ast.walk(tree):
        if isinstance(item, ast.Import):
            names |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom):
            names |= {f"{item.module}.{alias.name}" for alias in item.names} if not item.level else {"relative import"}
        elif isinstance(item, ast.Call) and item.args and isinstance(item.args[0], ast.Constant):
            function = getattr(item.func, "id", getattr(item.func, "attr", ""))
            if function in ("import_module", "__import__"):
                names.add(str(item.args[0].value))
    return names


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what stands under `if TYPE_CHECKING:`."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


def room_of(dotted: str) -> str:
    """`prv2_ros.model.gdu` lies in `model`; `prv2_ros` and its public names lie in ``."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def wrong_arrows(room: str, source: str) -> list[str]:
    """What a source text in a room imports although it may not."""
    wrong, tree = [], ast.parse(source)
    if not room:
        # The ground floor tells type checkers the public names that it looks up on first use.
        tree = _WithoutTypes().visit(tree)
    for name in sorted(imported(tree)):
        top = name.split(".")[0]
        if name == "relative import":
            wrong.append("a relative import: write the room's full name")
        elif top == "prv2_ros":
            target = room_of(name)
            if target not in GROUND | {room} | ROOMS.get(room, set()):
                wrong.append(f"{room or 'ground floor'} imports {name}")
        elif room not in ONLY_IN.get(top, {room}):
            wrong.append(f"{room or 'ground floor'} imports {name}, which only {', '.join(ONLY_IN[top])} may")
        elif room == "model" and top in NOT_IN_MODEL:
            wrong.append(f"model imports {name}: tensors only")
    return wrong


def sources() -> list[Path]:
    return sorted(path for path in CODE.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(CODE)))
def test_arrows_point_down(path):
    parts = path.relative_to(CODE).parts
    room = parts[0] if len(parts) > 1 else ""
    assert not room or room in ROOMS, f"new room {room}: give it its place in ROOMS"
    wrong = [arrow for arrow in wrong_arrows(room, path.read_text()) if ("/".join(parts), arrow) not in EXCEPTIONS]
    assert wrong == []


def test_rooms_have_an_order():
    """If two rooms could import each other, there would be no down."""
    left = {room: set(below) for room, below in ROOMS.items()}
    while left:
        lowest = [room for room, below in left.items() if not below & set(left)]
        assert lowest, f"these rooms stand in a circle: {sorted(left)}"
        for room in lowest:
            del left[room]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("engine", "import rclpy"),
        ("model", "from prv2_ros.tiling import PatchRefiner"),
        ("model", "def load():\n    import numpy as np\n    return np"),
        ("tiling", "def late():\n    from prv2_ros.engine import DepthEngine\n    return DepthEngine"),
        ("training", "from importlib import import_module\nnode = import_module('prv2_ros.node.depth_node')"),
        ("node", "from prv2_ros.model import create_refiner"),
        ("node", "import prv2_ros.tiling.grid as grid"),
        ("cli", "from prv2_ros import node"),
        ("model", "from . import gdu"),
        ("tiling", "if TYPE_CHECKING:\n    from prv2_ros.engine import DepthEngine"),
        ("camera", "from sensor_msgs.msg import CameraInfo"),
        ("", "from prv2_ros.engine import DepthEngine"),
    ],
)
def test_wrong_arrow_is_seen(room, source):
    assert wrong_arrows(room, source)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("node", "import rclpy\nfrom sensor_msgs.msg import Image\nfrom prv2_ros.engine import DepthEngine"),
        ("engine", "from prv2_ros.errors import WeightsError\nfrom prv2_ros.tiling import PatchRefiner\nimport numpy"),
        ("cli", "from prv2_ros.training.run import run_recipe"),
        ("", "if TYPE_CHECKING:\n    from prv2_ros.engine import DepthEngine"),
    ],
)
def test_right_arrow_passes(room, source):
    assert wrong_arrows(room, source) == []
