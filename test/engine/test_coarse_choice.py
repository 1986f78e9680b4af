# SPDX-License-Identifier: Apache-2.0
"""Coarse depth of other networks: models of transformers in front of a refiner that reads depth alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from tiny_depth_anything import depth_anything_config
from tiny_depth_models import NAMES, save_model
from tiny_weights import write_tiny_feature_weights, write_tiny_weights

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.runtimes import choice
from prv2_ros.errors import Prv2Error, WeightsError
from prv2_ros.model.coarse.transformers_depth import TransformersDepth

CPU = {"device": "cpu", "runtime": "torch", "precision": "fp32"}


@pytest.fixture(scope="module")
def log_weights(tmp_path_factory):
    return write_tiny_weights(tmp_path_factory.mktemp("weights") / "log.safetensors", process_size=(64, 96))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: save_model(name, folder / name) for name in NAMES}


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_model_of_transformers_is_refined_whatever_the_camera(log_weights, models, picture, name):
    engine = DepthEngine.load(log_weights, grid=(2, 2), coarse=models[name], **CPU)
    assert (engine.canonical_focal_px, engine.coarse_name) == (None, models[name])
    depth, timing = engine(picture)
    assert depth.shape == (90, 160) and np.isfinite(depth).all() and (depth > 0).all()
    assert timing.coarse_ms > 0 and timing.tiles == 4
    assert np.array_equal(depth, engine(picture, focal_px=500.0)[0])
    theirs = _as_its_authors(models[name], picture)
    ratio = np.log(engine.coarse(picture).clip(0.01, 100) / theirs.clip(0.01, 100))
    assert np.median(np.abs(ratio)) < 0.02


def _as_its_authors(source, picture):
    """Depth as transformers' own page computes it: processor, network, the processor's post-processing."""
    processor = transformers.AutoImageProcessor.from_pretrained(source)
    network = transformers.AutoModelForDepthEstimation.from_pretrained(source).eval()
    with torch.inference_mode():
        outputs = network(**processor(images=picture, return_tensors="pt"))
    sizes = {"target_sizes": [picture.shape[:2]]}
    if "ZoeDepth" in type(processor).__name__:
        sizes["source_sizes"] = [picture.shape[:2]]
    return processor.post_process_depth_estimation(outputs, **sizes)[0]["predicted_depth"].numpy()


def test_few_tiles_fit_beside_coarse_depth_of_any_size(log_weights, models, picture):
    engine = DepthEngine.load(log_weights, grid=(2, 2), max_tiles=2, coarse=models["depth_anything"], **CPU)
    depth, timing = engine(picture)
    assert timing.tiles == 2 and np.isfinite(depth).all()


def test_a_runtime_computes_the_refiner_alone_beside_a_foreign_network(log_weights, models, monkeypatch):
    built = []
    monkeypatch.setattr(choice, "_run", lambda module, network, *_, **__: built.append(network.name) or list)
    monkeypatch.setattr(choice, "import_module", lambda name: SimpleNamespace(version=lambda: "1"))
    how = {"grid": (1, 1), "device": "cpu", "precision": "fp32", "runtime": "openvino"}
    engine = DepthEngine.load(log_weights, coarse=models["depth_anything"], **how)
    assert (engine.runtime, built) == ("openvino", ["refiner"])
    assert isinstance(engine.model.run_coarse, TransformersDepth)
    own = DepthEngine.load(log_weights, **how)
    assert built[1:] == ["refiner", "coarse"] and isinstance(own.model.run_coarse, choice.CoarseElsewhere)


def test_a_refiner_that_reads_features_takes_no_other_coarse_depth(tmp_path, models, picture):
    weights = write_tiny_feature_weights(tmp_path / "features.safetensors", process_size=(64, 96))
    for coarse in (models["zoedepth"], "topic"):
        with pytest.raises(WeightsError, match=r"features.*'small'.*prv2s"):
            DepthEngine.load(weights, coarse=coarse, **CPU)
    with pytest.raises(WeightsError, match="prv2s"):
        DepthEngine.load(weights, **CPU)(picture, coarse_depth_m=np.ones((48, 64), np.float32))


def test_models_of_relative_depth_are_refused_by_name(tmp_path):
    relative = depth_anything_config(depth_estimation_type="relative")
    transformers.DepthAnythingForDepthEstimation(relative).save_pretrained(tmp_path / "relative")
    with pytest.raises(ValueError, match=r"relative' \(depth_anything\).*relative depth.*metric checkpoints"):
        TransformersDepth.from_pretrained(str(tmp_path / "relative"))
    transformers.DPTConfig().save_pretrained(tmp_path / "dpt")
    with pytest.raises(ValueError, match=r"\(dpt\).*relative inverse depth"):
        TransformersDepth.from_pretrained(str(tmp_path / "dpt"))


def test_what_is_no_depth_model_is_one_clear_line(tmp_path, log_weights, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Prv2Error, match=r"empty.*preprocessor_config.json") as refused:
        DepthEngine.load(log_weights, coarse=str(tmp_path / "empty"), **CPU)
    assert "\n" not in str(refused.value)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(Prv2Error, match="pip install transformers"):
        DepthEngine.load(log_weights, coarse="somebody/something", **CPU)


def test_a_download_is_said_with_its_place_and_offline_is_not(log_weights, monkeypatch, caplog):
    from huggingface_hub import constants

    def no_network(source, **_):
        raise OSError(f"{source} is not there")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", no_network)
    for offline, said in ((False, 1), (True, 1)):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        with pytest.raises(Prv2Error, match="nobody/nothing"):
            DepthEngine.load(log_weights, coarse="nobody/nothing", **CPU)
        assert len(caplog.records) == said
    assert constants.HF_HUB_CACHE in caplog.text


def test_weights_without_the_tensors_of_their_own_branch_are_refused(tmp_path):
    from prv2_ros.engine.networks import create_networks
    from prv2_ros.engine.weights import WeightsHeader, save_weights
    from prv2_ros.model import create_refiner

    header = WeightsHeader(variant="prv2s", coarse="light", coarse_channels=())
    path = tmp_path / "half.safetensors"
    save_weights(path, refiner=create_refiner("prv2s"), coarse=None, header=header)
    with pytest.raises(WeightsError, match="has no coarse branch"):
        create_networks(path)
