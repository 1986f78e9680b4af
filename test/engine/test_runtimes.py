# SPDX-License-Identifier: Apache-2.0
"""Every runtime gives what torch gives, keeps what it built, and gives way in one line where it cannot."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny_weights import write_tiny_feature_weights, write_tiny_weights

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.runtimes import RUNTIMES, use_runtime
from prv2_ros.engine.runtimes import onnxruntime as onnx_runtime
from prv2_ros.engine.runtimes.cache import VARIABLE, cached
from prv2_ros.engine.runtimes.choice import parse_runtime
from prv2_ros.errors import Prv2Error
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.tiling import PatchRefiner

RGB = np.random.default_rng(0).integers(0, 255, (96, 192, 3), np.uint8)
ELSEWHERE = ("openvino", "onnxruntime")
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A folder of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv(VARIABLE, str(folder))
        yield folder


def load(weights, runtime, **options):
    for package in {"openvino": ["openvino"], "onnxruntime": ["onnx", "onnxruntime"]}.get(runtime, []):
        pytest.importorskip(package)
    # Without sharpened edges, whose choices depend on the last bit.
    how = {"grid": (2, 2), "sharpen_edges": False, **options}
    return DepthEngine.load(weights, device="cpu", precision="fp32", runtime=runtime, **how)


@pytest.mark.parametrize("runtime", ELSEWHERE)
def test_depth_is_torchs(weights_file, runtime):
    wanted, engine = load(weights_file, "torch"), load(weights_file, runtime)
    assert (wanted.runtime, engine.runtime) == ("torch", runtime)
    for mode in ("p16", "p49"):
        wanted.mode = engine.mode = mode
        first, again = engine(RGB, 100.0)[0], engine(RGB[::-1].copy(), 100.0)[0]
        assert np.allclose(first, wanted(RGB, 100.0)[0], rtol=1e-4, atol=1e-4)
        # What was handed out stays as it was when the next frame is computed.
        assert np.allclose(again, wanted(RGB[::-1].copy(), 100.0)[0], rtol=1e-4, atol=1e-4)
    assert np.allclose(engine.coarse(RGB), wanted.coarse(RGB), rtol=1e-4)
    found, error = engine.infer(RGB).log_error, wanted.infer(RGB).log_error
    torch.testing.assert_close(found, error, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("runtime", ELSEWHERE)
def test_a_refiner_of_features_and_a_budget_that_chooses_the_same_tiles(runtime, tmp_path):
    weights = write_tiny_feature_weights(tmp_path / "features.safetensors", process_size=(64, 96))

    def choices(engine):
        chosen, choose = [], engine.budget._history("", (96, 192, 2, 2), 4)
        for seed in range(4):
            engine(np.random.default_rng(seed).integers(0, 255, RGB.shape, np.uint8))
            chosen.append(tuple(engine.budget._history("", (96, 192, 2, 2), 4).ages))
        assert choose is not None
        return chosen

    assert choices(load(weights, runtime, max_tiles=2)) == choices(load(weights, "torch", max_tiles=2))
    assert np.allclose(load(weights, runtime)(RGB)[0], load(weights, "torch")(RGB)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("runtime", ELSEWHERE)
@torch.inference_mode()
def test_a_refiner_of_log_depth(runtime):
    pytest.importorskip(runtime)
    torch.manual_seed(0)
    refiner, coarse = create_refiner("prv2s").eval(), create_coarse("small").eval()
    torch.nn.init.normal_(refiner.f2c.residual.weight, std=0.5)  # random weights change depth by nothing to speak of
    model, elsewhere = (PatchRefiner(coarse, refiner, (64, 96), (1, 2)).eval() for _ in range(2))
    assert use_runtime(elsewhere, runtime, device=CPU, precision="fp32") == runtime
    frame = torch.rand(1, 3, 96, 192)
    depth, wanted = elsewhere(frame), model(frame)
    assert (wanted / model.coarse_maps(frame, (1, 2)).depth.mean() - 1).abs().max() > 0.01
    torch.testing.assert_close(depth, wanted, rtol=1e-4, atol=1e-5)


def test_auto_is_openvino_on_a_cpu_and_torch_where_cuda_is(weights_file, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.delenv("PRV2_RUNTIME", raising=False)
    assert load(weights_file, "auto").runtime == "openvino"
    model = PatchRefiner(create_coarse("small"), create_refiner("prv2m-narrow"), (64, 96))
    assert use_runtime(model, "auto", device=torch.device("cuda", 0), precision="bf16") == "torch"
    monkeypatch.setenv("PRV2_RUNTIME", "torch")
    assert load(weights_file, "auto").runtime == "torch"


def test_the_second_start_reads_the_cache_and_damage_is_mended(tmp_path, cache, caplog, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    weights = write_tiny_weights(tmp_path / "tiny.safetensors", process_size=(64, 96))
    caplog.set_level(logging.INFO, "prv2_ros")
    wanted = load(weights, "openvino")(RGB)[0]
    assert caplog.text.count("building openvino-") == 2 and caplog.text.count("built openvino-") == 2
    caplog.clear()
    assert np.array_equal(load(weights, "openvino")(RGB)[0], wanted)
    assert "building" not in caplog.text
    for damage in (lambda file: file.write_bytes(file.read_bytes()[:-7]), lambda file: file.unlink()):
        for file in (tmp_path / "cache").glob("*/network.bin"):
            damage(file)
        caplog.clear()
        assert np.array_equal(load(weights, "openvino")(RGB)[0], wanted)
        assert caplog.text.count("is damaged; rebuilding it") == 2


def test_other_weights_are_other_entries(tmp_path, caplog):
    caplog.set_level(logging.INFO, "prv2_ros")
    made = [cached("x", {"weights": digest}, lambda into: (into / "a").write_text("1")) for digest in ("1", "2", "1")]
    assert made[0] != made[1] and made[0] == made[2] and caplog.text.count("building x") == 2


def test_a_cache_that_cannot_be_written_is_said_and_done_without(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    folder = cached("x", {"weights": "1"}, lambda into: (into / "a").write_text("1"))
    assert (folder / "a").read_text() == "1" and "the cache cannot be written" in caplog.text


def test_what_is_not_kept_is_removed_at_the_end_of_the_process(tmp_path):
    """Networks without a key go into a temporary folder, of 30 MB each."""
    code = (
        "from pathlib import Path\n"
        "from prv2_ros.engine.runtimes.cache import cached\n"
        "folder = cached('network', None, lambda folder: (folder / 'file').write_text('x'))\n"
        "assert (folder / 'file').read_text() == 'x'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        cached("x", {"weights": "1"}, lambda into: 1 / 0)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_is_one_line_with_the_way_out_and_auto_gives_way(weights_file, monkeypatch, caplog):
    openvino = pytest.importorskip("prv2_ros.engine.runtimes.openvino")
    monkeypatch.delenv("PRV2_RUNTIME", raising=False)

    def broken(*_, **__):
        raise RuntimeError("no such\ninstruction")

    monkeypatch.setattr(openvino, "load", broken)
    with pytest.raises(
        Prv2Error, match=r"cannot run these weights .RuntimeError: no such instruction.; choose another"
    ):
        load(weights_file, "openvino")
    assert load(weights_file, "auto").runtime == "torch"
    assert "falling back to torch" in caplog.text

    def absent():
        raise ImportError("No module named 'openvino'")

    monkeypatch.setattr(openvino, "version", absent)
    with pytest.raises(Prv2Error, match="runtime 'openvino' is not installed: pip install openvino, or choose"):
        load(weights_file, "openvino")
    caplog.clear()
    assert load(weights_file, "auto").runtime == "torch" and "pip install openvino" in caplog.text


def test_names():
    assert parse_runtime("openvino:gpu") == ("openvino", "gpu")
    assert all(parse_runtime(name) == (name, "") for name in RUNTIMES)
    for name in ("tensorflow", "torch:cpu", ""):
        with pytest.raises(ValueError, match=f"unknown runtime '{name}': choose auto, torch, openvino, onnxruntime"):
            parse_runtime(name)


def test_tensorrt_is_asked_before_cuda_and_keeps_its_engines(tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match="has no provider for device 'cuda'"):
        onnx_runtime.providers("cuda", "fp16", tmp_path)
    assert onnx_runtime.providers("cpu", "fp32", tmp_path) == [("CPUExecutionProvider", {})]
    known = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: known)
    chosen = onnx_runtime.providers("cuda:1", "fp16", tmp_path)
    assert [name for name, _ in chosen] == known
    options = chosen[0][1]
    assert options["device_id"] == 1 and options["trt_fp16_enable"] and not options["trt_bf16_enable"]
    assert options["trt_engine_cache_enable"] and options["trt_engine_cache_path"] == str(tmp_path)
