# SPDX-License-Identifier: Apache-2.0
"""The ONNX files give what torch gives, by onnxruntime."""

import json

import numpy as np
import pytest
import torch

from prv2_ros.cli.main import main
from prv2_ros.engine.networks import create_networks
from prv2_ros.engine.onnx_export import CoarseNetwork, TileNetwork, check, export_coarse, export_refiner

pytest.importorskip("onnx", reason="needs requirements-extra.txt")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs requirements-extra.txt")


@pytest.fixture(scope="module")
def networks(weights_file):
    return create_networks(weights_file)


@pytest.fixture(scope="module")
def exported(networks, tmp_path_factory):
    header, refiner, _ = networks
    return export_refiner(refiner, tmp_path_factory.mktemp("onnx") / "tiles.onnx", header, batch=None)


def test_refiner_agrees_with_torch_for_any_number_of_tiles(networks, exported):
    _, refiner, _ = networks
    session = onnxruntime.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        shapes = {name: (batch, *shape[1:]) for name, shape in exported.inputs.items()}
        values = {name: torch.rand(shape) for name, shape in shapes.items()}
        (found,) = session.run(None, {name: value.numpy() for name, value in values.items()})
        with torch.inference_mode():
            expected = refiner(values["rgb"], values["coarse_depth"], list(values.values())[2:])
        expected = (values["coarse_depth"] + expected).clamp(min=0).numpy()
        assert found.shape == (batch, 1, 64, 96)
        assert np.abs(found - expected).max() < 1e-4
    assert check(exported, TileNetwork(refiner)) < 1e-4


def test_the_check_sees_other_weights(networks, exported):
    _, refiner, _ = networks
    network = TileNetwork(refiner)
    weight = refiner.f2c.residual.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(1.5)
        assert check(exported, network) > 1e-4
        weight.copy_(kept)


def test_coarse_branch_gives_what_the_refiner_takes(networks, exported, tmp_path):
    header, _, coarse = networks
    file = export_coarse(coarse, tmp_path / "coarse.onnx", header)
    assert check(file, CoarseNetwork(coarse, header.process_size)) < 1e-4
    session = onnxruntime.InferenceSession(str(file.path), providers=["CPUExecutionProvider"])
    shapes = {output.name: tuple(output.shape) for output in session.get_outputs()}
    wanted = {name: (1, *shape[1:]) for name, shape in exported.inputs.items() if name != "rgb"}
    assert shapes == wanted
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["prv2_canonical_focal_px"]) == 75.0 and metadata["prv2_format"] == "prv2_ros/1"


def test_trtexec_names_every_input_where_the_batch_is_free(exported):
    line = exported.trtexec()
    assert line.startswith(f"trtexec --onnx={exported.path} --saveEngine=")
    for part in ("--minShapes=rgb:1x3x64x96,coarse_depth:1x1x64x96,", "--maxShapes=rgb:16x3x64x96,", "feature_5:16x"):
        assert part in line


def test_the_command_writes_and_checks_both(weights_file, tmp_path, capsys):
    assert main(["export", str(weights_file), str(tmp_path / "net.onnx")]) == 0
    said = capsys.readouterr().out
    assert said.count("largest difference to torch") == 2 and said.count("trtexec --onnx=") == 2
    assert (tmp_path / "net.onnx").is_file() and (tmp_path / "net_coarse.onnx").is_file()
    assert main(["export", str(weights_file), str(tmp_path / "net.engine")]) == 1
    assert "does not end in .onnx" in capsys.readouterr().err
