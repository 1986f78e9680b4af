# SPDX-License-Identifier: Apache-2.0
"""Every command on the pages is run, with stand-ins for what users bring; what cannot be is listed with its reason."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from doc_pages import PAGES, TOP, Block, blocks
from recordings import START_NS, STEP_NS, image_message, info_message
from tiny_depth_models import save_model
from tiny_weights import write_tiny_weights

from prv2_ros.bags import BagWriter
from prv2_ros.bags.messages import compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.cli.main import COMMANDS, build_parser, main

BLOCKS = [block for page in PAGES for block in blocks(page)]
WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Rule:
    """What is done with commands that begin in a certain way.

    Attributes:
        begins: How they begin.
        do: Runs the command, or checks what can be checked of it.
        why_not: Why it is not run as it stands; empty when it is.
    """

    begins: str
    do: Callable[[list[str]], None]
    why_not: str = ""


def _run_prv2(words: list[str]) -> None:
    assert main(words[1:]) == 0


def _parse_prv2(words: list[str]) -> None:
    args = build_parser(words[1]).parse_args(words[1:])
    if words[1] == "train":
        folder = "train" if args.resident is None else "resident"
        assert (TOP / "config" / folder / f"{args.recipe}.yaml").is_file(), args.recipe


def _run_with_small_weights(words: list[str]) -> None:
    """With any source of coarse depth: small weights of the default's kind stand in for it."""
    assert main([*words[1:], "--weights", "LOG.safetensors"]) == 0


def _render_little(words: list[str]) -> None:
    words = [*words[1:], "--size", "192x128", "--texture-px", "64", "--views", "2", "--frames", "2", "--jobs", "1"]
    if main(words) != 0:
        pytest.skip("cannot render here; test/render says why")


def _export(words: list[str]) -> None:
    _parse_prv2(words)
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        pytest.skip("onnx or onnxruntime is not installed")
    _run_prv2(words)


def _run_python(words: list[str]) -> None:
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def _make_target(words: list[str]) -> None:
    subprocess.run(["make", "-n", "-C", str(TOP), *words[1:]], check=True, capture_output=True, timeout=60)


def _launch(words: list[str]) -> None:
    """The file and its arguments are there; test/launch loads the files themselves."""
    assert words[:3] == ["ros2", "launch", "prv2_ros"]
    file = TOP / "launch" / words[3]
    declared = file.read_text() + (TOP / "launch" / "depth.launch.py").read_text()
    for argument in words[4:]:
        assert f'"{argument.split(":=")[0]}"' in declared, f"{words[3]} has no argument {argument}"


def _program(words: list[str]) -> None:
    assert words[:3] == ["ros2", "run", "prv2_ros"] and (TOP / "resource" / f"{words[3]}.in").is_file()
    _files(words)


def _remaps_to_outputs(words: list[str]) -> None:
    """What a consumer's topics are remapped to are topics of the node."""
    outputs = pytest.importorskip("prv2_ros.node.outputs", reason="needs ROS 2").OUTPUTS
    targets = [word.split(":=")[1] for flag, word in zip(words, words[1:], strict=False) if flag == "-r"]
    assert targets and set(targets) <= set(outputs)


def _files(words: list[str]) -> None:
    """What looks like a file of the checkout is one."""
    for word in words:
        word = word.removeprefix("src/prv2_ros/")
        if re.fullmatch(r"(config|test|doc|requirements)[\w./-]*", word):
            assert (TOP / word).exists(), word


def _nothing(words: list[str]) -> None:
    """There is nothing to check without the machine that it is for."""


# The first rule that fits is taken.
RULES = [
    Rule("prv2 render", _render_little),
    Rule("prv2 pack", _parse_prv2, "needs data sets that users bring"),
    Rule("prv2 train shipped ", _parse_prv2, "fills minutes of a GPU; test/training/resident trains a few steps"),
    Rule("prv2 train", _parse_prv2, "needs real data sets by name"),
    Rule("prv2 export", _export),
    Rule("prv2 bench", _parse_prv2, "takes minutes; its own test measures something small"),
    Rule("prv2 import", _parse_prv2, "needs published checkpoints; test/engine imports small ones of their layout"),
    Rule("prv2 compare", _parse_prv2, "takes hours; its own test measures something small"),
    Rule("prv2 depth PHOTO.jpg ", _parse_prv2, "downloads a model"),
    Rule("prv2 depth PICTURE.jpg -o depth.png --coarse-depth ", _run_with_small_weights),
    Rule("prv2 bag RECORDING ", _run_with_small_weights),
    Rule("prv2 ", _run_prv2),
    Rule("my_env/bin/prv2 ", _run_prv2),
    Rule("python -c ", _run_python),
    Rule("python3 -c ", _run_python),
    Rule("make ", _make_target, "what runs the tests, or sets up for them; test/demo plays the demo"),
    Rule("python -m pytest ", _files, "tests do not run tests"),
    Rule("python -m prv2_ros.node ", _files, "runs until it is stopped; test/node starts it"),
    Rule("python3 -m venv ", _nothing, "torch would be downloaded again; continuous integration sets up this way"),
    Rule("my_env/bin/pip install ", _nothing, "as above"),
    Rule("source ", _nothing, "changes the shell it is in"),
    Rule("pip install -r ", _files, "torch would be downloaded again"),
    Rule("colcon build ", _nothing, "make setup has built this very package with colcon"),
    Rule("ros2 launch ", _launch, "PyPI has no ros2 launch; test/launch loads the files"),
    Rule("ros2 run foxglove_bridge ", _nothing, "Foxglove's bridge is not on PyPI"),
    Rule("ros2 run depth_image_proc ", _remaps_to_outputs, "C++; test_consumers.py pairs the topics as it does"),
    Rule("ros2 run rtabmap_sync ", _remaps_to_outputs, "C++; as above"),
    Rule("ros2 service call /depth_node/enable ", _nothing, "PyPI has no ros2 service; test_parameters.py calls it"),
    Rule("ros2 run ", _program, "PyPI has no ros2 run; test_package.py starts the installed programs"),
    Rule("docker ", _nothing, "needs Docker; continuous integration runs the same steps without it"),
    Rule("sudo nvpmodel ", _nothing, "Jetson only"),
    Rule("sudo jetson_clocks", _nothing, "Jetson only"),
    Rule("trtexec ", _nothing, "needs TensorRT"),
]
# Words that stand for something of the reader's.
STAND_INS = {"WEIGHTS": "out/refine_small/weights.safetensors", "DATASET": "FOLDER"}
NOT_COMMANDS = ("depth × 400 / sqrt(",)
NOT_RUN_PYTHON = {
    "def generate_launch_description": "needs ROS's launch; the files that it includes are loaded by test/launch",
    'DepthEngine.load("my_prv2m.safetensors"': "needs weights of a transformers branch; test_coarse_transformers.py "
    "plugs small ones in",
}
# What the pages say comes out.
LEAVES = {
    "prv2 depth PICTURE.jpg": ("depth.png", "depth_color.png"),
    "prv2 bag demo": ("out/demo_depth/metadata.yaml", "out/demo_depth/timing.csv"),
    "prv2 export prv2s prv2s.onnx": ("prv2s.onnx", "prv2s_coarse.onnx"),
    "prv2 report out/demo_depth": ("out/demo_depth/report.html",),
}


def _rule(command: str) -> Rule:
    fitting = [rule for rule in RULES if command.startswith(rule.begins)]
    assert fitting, f"no rule says what the tests do with: {command}"
    return fitting[0]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder with what the pages' placeholders stand for; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRV2_CACHE", str(tmp_path / "textures"))
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 3)
    # Large enough for the focal length that the page gives to be a camera's.
    cv2.imwrite("PICTURE.jpg", cv2.resize(picture, (160, 120)))
    with BagWriter("demo") as writer:
        for index in range(2):
            now = START_NS + index * STEP_NS
            info = info_message(now, "c", size=(WIDTH, HEIGHT), intrinsics=(80, 80, 47.5, 31.5))
            writer.write("/camera_info", CAMERA_INFO_TYPE, now, info)
            image = compressed_message(make_header(now, "c"), cv2.imencode(".jpg", picture)[1].tobytes(), "jpeg")
            writer.write("/image/compressed", COMPRESSED_TYPE, now, image)
    for folder in ("rgb", "depth"):
        os.makedirs(f"FOLDER/{folder}")
    cv2.imwrite("FOLDER/rgb/a.jpg", picture)
    cv2.imwrite("FOLDER/depth/a.png", np.full((HEIGHT, WIDTH), 2000, np.uint16))
    Path("FOLDER/meta.json").write_text('{"fx": 80, "fy": 80, "depth_scale": "millimetres, 0 = no data"}')
    with BagWriter("RECORDING") as writer:
        header = make_header(START_NS, "c")
        writer.write("/camera/color/image_raw", IMAGE_TYPE, START_NS, image_message(header, "rgb8", picture))
        depth = image_message(header, "16UC1", np.full((HEIGHT, WIDTH), 2000, np.uint16))
        writer.write("/camera/aligned_depth_to_color/image_raw", IMAGE_TYPE, START_NS, depth)
    cv2.imwrite("MEASURED.png", np.full((24, 32), 2000, np.uint16))
    write_tiny_weights(Path("LOG.safetensors"), process_size=(64, 96))
    for run in ("resident", "refine_small"):
        os.makedirs(f"out/{run}")
        write_tiny_weights(Path(f"out/{run}/weights.safetensors"))
    return tmp_path


def _name(block: Block) -> str:
    return f"{block.page}: {block.lines[0][:40]}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "commands"], ids=_name)
def test_commands_do_what_the_page_says(block, desk):
    if any(" MODEL" in command for command in block.lines):
        save_model("glpn", desk / "MODEL")
    for command in block.lines:
        if command.startswith(NOT_COMMANDS):
            continue
        _rule(command).do([STAND_INS.get(word, word) for word in shlex.split(command)])
        for file in (name for begins, names in LEAVES.items() if command.startswith(begins) for name in names):
            assert (desk / file).is_file(), f"{command} left no {file}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "python"], ids=_name)
def test_python_does_what_the_page_says(block, desk):
    code = "\n".join(block.lines)
    reason = next((why for text, why in NOT_RUN_PYTHON.items() if text in code), None)
    if reason:
        compile(code, block.page, "exec")
        pytest.skip(reason)
    names = {"rgb": np.zeros((HEIGHT, WIDTH, 3), np.uint8)}
    exec(code, names)
    assert names["depth_m"].shape == (HEIGHT, WIDTH) and names["depth_m"].dtype == np.float32


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "yaml"], ids=_name)
def test_yaml_can_be_read(block):
    assert isinstance(yaml.safe_load("\n".join(block.lines)), dict)


def test_the_pages_are_read_at_all():
    commands = [command for block in BLOCKS if block.kind == "commands" for command in block.lines]
    assert "prv2 bag demo out/demo_depth" in commands and "make test" in commands
    assert sum(not _rule(command).why_not for command in commands if not command.startswith(NOT_COMMANDS)) >= 6
    assert {block.kind for block in BLOCKS} == {"commands", "python", "yaml"}


def test_a_wrong_command_would_be_noticed(desk):
    with pytest.raises(AssertionError, match="no rule"):
        _rule("rm -rf /")
    with pytest.raises(SystemExit):
        _rule("prv2 depth").do(["prv2", "depth", "PICTURE.jpg", "--no-such-option"])
    with pytest.raises(AssertionError, match="has no argument"):
        _launch(["ros2", "launch", "prv2_ros", "demo.launch.py", "nonsense:=1"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_named_in_a_sentence_exist(page):
    """`prv2 bag --workers` inside a sentence: neither complete nor run, but the option has to be there."""
    for span in re.findall(r"`(prv2 [^`]+)`", page.read_text()):
        words = span.split()
        assert words[1] in COMMANDS or words[1].isupper(), span
        if words[1] in COMMANDS:
            parser = build_parser(words[1])
            known = parser._subparsers._group_actions[0].choices[words[1]]._option_string_actions
            for word in words[2:]:
                assert not word.startswith("--") or word.split("=")[0] in known, span
