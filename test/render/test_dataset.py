# SPDX-License-Identifier: Apache-2.0
"""The folder format, resuming, the command and its errors."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from prv2_ros.cli import main as cli
from prv2_ros.errors import DataError
from prv2_ros.render.dataset import FURTHEST, SKY, encode_depth, render_set
from prv2_ros.render.plan import SPLIT_SEEDS, plan_scenes


def test_depth_survives_the_png_within_half_a_step():
    depth = np.array([[0.5, 1.0, 79.9], [255.9, 400.0, np.inf], [np.nan, 0.0, 3.3333]], np.float32)
    value = encode_depth(depth)
    back = value / 256
    known = np.isfinite(depth) & (depth < 255)
    assert np.abs(back[known] - depth[known]).max() <= 0.5 / 256 + 1e-6
    assert (value[1, 1], value[1, 2]) == (FURTHEST, SKY), "beyond 16 bits is far, not sky"
    assert value[2, 0] == 0 and value[2, 1] == 0


def test_rendered_set_is_readable_and_resumes(draws, tmp_path):
    jobs = [
        replace(job, texture_px=32) for job in plan_scenes(tmp_path / "set", ["room"], 3, (128, 96), 0, "test", views=2)
    ]
    counts = draws(lambda: list(render_set(jobs)))
    if counts is None:
        return
    assert sum(counts) == 3
    meta = json.loads((tmp_path / "set" / "meta.json").read_text())
    assert meta["depth_scale"] == "metres = png/256, 0 = no data" and meta["sky"] == 65535
    assert len(meta["frames"]) == 3 and meta["splits"]["test"] == sorted(meta["frames"])
    for stem, entry in meta["frames"].items():
        depth = cv2.imread(str(tmp_path / "set" / "depth" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        image = cv2.imread(str(tmp_path / "set" / "rgb" / f"{stem}.jpg"))
        assert depth.dtype == np.uint16 and depth.shape == (96, 128) and image.shape == (96, 128, 3)
        assert {"fx", "fy", "cx", "cy", "seed", "family", "split"} <= entry.keys()
        assert SPLIT_SEEDS["test"][0] <= entry["seed"] < SPLIT_SEEDS["test"][1]
    first = jobs[0].stems[0]
    stamp = os.stat(tmp_path / "set" / "rgb" / f"{first}.jpg").st_mtime_ns
    missing = tmp_path / "set" / "depth" / f"{jobs[1].stems[0]}.png"
    missing.unlink()
    assert sum(render_set(jobs)) == 3
    assert missing.is_file(), "a scene with a missing file is rendered again"
    assert os.stat(tmp_path / "set" / "rgb" / f"{first}.jpg").st_mtime_ns == stamp, "a whole scene is kept"


def test_frames_of_another_size_are_not_reused(tmp_path):
    (job,) = plan_scenes(tmp_path, ["room"], 1, (128, 96), 0, "test")
    for folder, suffix in (("rgb", "jpg"), ("depth", "png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{job.stems[0]}.{suffix}").touch()
    meta = {"frames": {job.stems[0]: {"width": 128, "height": 96, "split": "test"}}}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    assert list(render_set([job])) == [1], "of this size it is there already"
    with pytest.raises(DataError, match=rf"{job.stems[0]} .*is 128x96.*requested is 256x192.*folder or --seed"):
        list(render_set([replace(job, width=256, height=192)]))
    with pytest.raises(DataError, match=rf"{job.stems[0]} .*is a view, requested is a sequence's frame"):
        list(render_set([replace(job, sequence=True)]))


def test_command_renders_a_sequence(draws, tmp_path):
    out = tmp_path / "drive"
    options = {
        "--family": "room",
        "--frames": "2",
        "--size": "96x64",
        "--split": "demo",
        "--jpeg": "80",
        "--texture-px": "32",
    }
    arguments = ["render", str(out), "--sequence", *(word for pair in options.items() for word in pair)]
    args = cli.build_parser("render").parse_args(arguments)
    if draws(args.run, args) is None:
        return
    frames = json.loads((out / "meta.json").read_text())["frames"]
    assert [entry["time_s"] for entry in frames.values()] == [0.0, 0.1]
    assert {entry["jpeg_quality"] for entry in frames.values()} == {80}


@pytest.mark.parametrize(("words", "said"), [(["--rate", "0"], "--rate 0 above 0"), ([], "a sequence has one scene")])
def test_a_sequence_that_cannot_be_is_refused(tmp_path, capsys, words, said):
    assert cli.main(["render", str(tmp_path), "--sequence", "--frames", "1", "--size", "64x64", *words]) == 1
    assert said in capsys.readouterr().err


def test_damaged_meta_is_refused(tmp_path, capsys):
    (tmp_path / "meta.json").write_text("{")
    assert cli.main(["render", str(tmp_path), "--frames", "1", "--size", "64x64"]) == 1
    assert "meta.json" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["no_such_backend", "glfw"])
def test_no_opengl_is_one_clear_line(backend, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "PYOPENGL_PLATFORM")} | {
        "MUJOCO_GL": backend
    }
    command = [
        sys.executable,
        "-m",
        "prv2_ros.cli.main",
        "render",
        str(tmp_path),
        "--frames",
        "1",
        "--size",
        "64x64",
        "--family",
        "room",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"MUJOCO_GL={backend}" in last and "install" in last
    assert "Traceback" not in done.stderr
