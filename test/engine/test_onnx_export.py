# SPDX-License-Identifier: Apache-2.0
"""The ONNX files give what torch gives, by onnxruntime."""

import json

import numpy as np
import pytest
import torch
from tiny_weights import write_tiny_feature_weights

from prv2_ros.cli.main import main
from prv2_ros.engine.networks import create_networks
from prv2_ros.engine.onnx_export import check, write_onnx
from prv2_ros.engine.runtimes.networks import exportable_coarse, exportable_refiner
from prv2_ros.tiling import PatchRefiner

pytest.importorskip("onnx", reason="needs requirements-extra.txt")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs requirements-extra.txt")


@pytest.fixture(scope="module")
def model(weights_file):
    header, refiner, coarse = create_networks(weights_file)
    return PatchRefiner(coarse, refiner, header.process_size).eval()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return write_onnx(exportable_refiner(model, batch=None), tmp_path_factory.mktemp("onnx") / "tiles.onnx")


def test_refiner_agrees_with_torch_for_any_number_of_tiles(exported):
    session = onnxruntime.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    network = exported.network
    for batch in (1, 3):
        values = [torch.rand((batch, *shape[1:])) for shape in network.inputs.values()]
        (found,) = session.run(None, {n: v.numpy() for n, v in zip(network.inputs, values, strict=True)})
        with torch.inference_mode():
            expected = network.module(*values).numpy()
        assert found.shape == (batch, 1, 64, 96)
        assert np.abs(found - expected).max() < 1e-4
    assert check(exported) < 1e-4


def test_the_check_sees_other_weights(model, exported):
    weight = model.refiner.f2c.residual.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(1.5)
        assert check(exported) > 1e-4
        weight.copy_(kept)


def test_coarse_branch_gives_what_the_refiner_takes(model, exported, tmp_path):
    file = write_onnx(exportable_coarse(model), tmp_path / "coarse.onnx", {"canonical_focal_px": "75.0"})
    assert check(file) < 1e-4
    session = onnxruntime.InferenceSession(str(file.path), providers=["CPUExecutionProvider"])
    shapes = {output.name: tuple(output.shape) for output in session.get_outputs()}
    wanted = {name: (1, *shape[1:]) for name, shape in exported.network.inputs.items() if name.startswith("feature")}
    assert shapes == {"coarse_depth": (1, 1, 64, 96), "expected_log_error": (1, 1, 32, 48), **wanted}
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["prv2_canonical_focal_px"]) == 75.0


def test_a_refiner_takes_what_it_reads(exported, tmp_path):
    assert list(exported.network.inputs) == ["rgb", "relative_log_depth"]
    header, refiner, coarse = create_networks(write_tiny_feature_weights(tmp_path / "f.safetensors"))
    features = PatchRefiner(coarse, refiner, header.process_size).eval()
    file = write_onnx(exportable_refiner(features), tmp_path / "features.onnx")
    names = [f"feature_{k}" for k in range(6)]
    assert list(file.network.inputs) == ["rgb", "coarse_depth", *names] and check(file) < 1e-4
    assert exportable_coarse(features).outputs == ("coarse_depth", *names)


def test_trtexec_names_every_input_where_the_batch_is_free(exported):
    line = exported.trtexec()
    assert line.startswith(f"trtexec --onnx={exported.path} --saveEngine=")
    for part in (
        " --fp16",
        "--minShapes=rgb:1x3x64x96,",
        "--maxShapes=rgb:16x3x64x96,",
        "relative_log_depth:16x1x64x96",
    ):
        assert part in line


def test_the_command_writes_and_checks_both(weights_file, tmp_path, capsys):
    assert main(["export", str(weights_file), str(tmp_path / "net.onnx")]) == 0
    said = capsys.readouterr().out
    assert said.count("largest difference to torch") == 2 and said.count("trtexec --onnx=") == 2
    assert said.count("--fp16") == 1 and "depth of a tile, in float32: " in said
    assert (tmp_path / "net.onnx").is_file() and (tmp_path / "net_coarse.onnx").is_file()
    assert main(["export", str(weights_file), str(tmp_path / "net.engine")]) == 1
    assert "does not end in .onnx" in capsys.readouterr().err
