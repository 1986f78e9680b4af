# SPDX-License-Identifier: Apache-2.0
"""`--coarse` and `--coarse-depth`: other networks and measured depth in front of the refiner, from the command line."""

import numpy as np
import pytest
from tiny_depth_models import NAMES, save_model
from tiny_weights import write_tiny_weights

from prv2_ros.cli.main import main
from prv2_ros.media import read_depth, write_depth, write_image

SIZE = (60, 80)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "log.safetensors"
    return str(write_tiny_weights(path, process_size=(64, 96)))


@pytest.fixture
def image(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    write_image(tmp_path / "in" / "a.png", picture)
    write_image(tmp_path / "in" / "b.png", picture[::-1])
    return tmp_path / "in" / "a.png"


def _depth(image, out, weights, *more):
    options = ["--weights", weights, "--device", "cpu", "--grid", "1x1", "--also", "none"]
    return main(["depth", str(image), "-o", str(out), *options, *map(str, more)])


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_through_a_model_of_transformers(image, tmp_path, weights, capsys, name):
    model = save_model(name, tmp_path / name)
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse", model) == 0
    depth = read_depth(tmp_path / "d.npy")
    assert depth.shape == SIZE and np.isfinite(depth).all() and (depth > 0).all()
    assert "unknown and not needed (the coarse depth is metric)" in capsys.readouterr().out
    if name == "glpn":
        assert _depth(image, tmp_path / "d.ply", weights, "--coarse", model) == 1
        assert "a cloud needs --focal-px" in capsys.readouterr().err
        assert _depth(image, tmp_path / "d.ply", weights, "--coarse", model, "--focal-px", "70") == 0


@pytest.mark.parametrize("suffix", [".png", ".npy", ".exr"])
def test_measured_depth_of_a_file(image, tmp_path, weights, suffix):
    measured = np.full((30, 40), 3.0, np.float32)
    measured[:10, :10] = 0.0
    write_depth(tmp_path / f"m{suffix}", measured)
    assert _depth(image, tmp_path / "d.ply", weights, "--coarse-depth", tmp_path / f"m{suffix}") == 0
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse-depth", tmp_path / f"m{suffix}") == 0
    depth = read_depth(tmp_path / "d.npy")
    assert depth.shape == SIZE and np.isfinite(depth).all()
    assert np.abs(depth[30:, 30:] / 3.0 - 1).max() < 0.01


def test_what_a_png_cannot_say_is_a_hole(image, tmp_path, weights):
    measured = np.full((30, 40), 3.0, np.float32)
    measured[:5] = np.inf
    write_depth(tmp_path / "m.png", measured)
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse-depth", tmp_path / "m.png") == 0
    assert np.median(read_depth(tmp_path / "d.npy")[:8]) < 30


def test_a_folder_holds_the_depth_of_each_picture(image, tmp_path, weights, capsys):
    for name, metres in (("a", 2.0), ("b", 4.0)):
        write_depth(tmp_path / "m" / f"{name}.npy", np.full((30, 40), metres, np.float32))
    assert _depth(image.parent, tmp_path / "out", weights, "--coarse-depth", tmp_path / "m") == 0
    for name, metres in (("a", 2.0), ("b", 4.0)):
        assert np.median(read_depth(tmp_path / "out" / f"{name}.png")) == pytest.approx(metres, rel=0.02)
    (tmp_path / "m" / "b.npy").unlink()
    assert _depth(image.parent, tmp_path / "again", weights, "--coarse-depth", tmp_path / "m") == 1
    said = capsys.readouterr().err
    assert "holds no b with one of" in said and "1 of 2 inputs done" in said


def test_contradictions_are_told(image, tmp_path, weights, capsys):
    file = tmp_path / "m.npy"
    write_depth(file, np.zeros((30, 40), np.float32))
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse-depth", file) == 1
    assert "0 that are known" in capsys.readouterr().err
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse-depth", file, "--coarse", "x") == 1
    assert "give one of them" in capsys.readouterr().err
    assert _depth(image.parent, tmp_path / "out", weights, "--coarse-depth", file) == 1
    assert "one file for 2 pictures" in capsys.readouterr().err
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse", "topic") == 1
    assert "--coarse-depth (prv2 depth)" in capsys.readouterr().err
    assert _depth(image, tmp_path / "d.npy", weights, "--coarse", str(tmp_path / "nothing")) == 1
    assert "cannot be loaded as a depth model" in capsys.readouterr().err
