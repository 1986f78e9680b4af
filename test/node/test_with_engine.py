# SPDX-License-Identifier: Apache-2.0
"""The node with the real engine and a real, if untrained, network; and the stub held to the engine's face."""

import contextlib
import inspect
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import NodeProcess, camera_info, cloud_array, depth_array, image_message
from stub_engine import StubEngine
from tiny_depth_models import save_model
from tiny_weights import write_tiny_weights

from prv2_ros.bags.reader import BagReader
from prv2_ros.bags.types import COMPRESSED_TYPE
from prv2_ros.engine import DepthEngine
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.node.parameter_table import TABLE
from prv2_ros.tiling.selection import refresh_bound

FOCAL_PX = 300.0
DEFAULTS = {spec.name.replace(".", "__"): spec.default for spec in TABLE if spec.name not in ("autostart", "device")}
TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    return write_tiny_weights(path, process_size=(64, 96), canonical_focal_px=75.0, max_depth_m=1000.0)


def inner(values):
    """(2, 60, 2, 80) pixels of the tiles, without those that change where tiles are put together."""
    return values.reshape(2, 60, 2, 80)[:, 12:-12, :, 12:-12]


@pytest.mark.parametrize("name", ["load", "infer", "warm_up", "close"])
def test_the_stub_has_the_face_of_the_engine(name):
    real = inspect.signature(getattr(DepthEngine, name)).parameters
    stub = inspect.signature(getattr(StubEngine, name)).parameters
    assert [parameter for parameter in real if parameter in stub] == list(stub)


@pytest.fixture(scope="module")
def configured(ros):
    """Function that gives the one real node these parameters, anew from configuring on: its start takes the time."""
    values = {"autostart": False, "device": "cpu", "warm_up_size": "off"}
    node = NodeProcess(ros, parameters=values, script=["-m", "prv2_ros.node"], ready=False)
    node.wait_line("waiting to be configured")

    def configure(**values):
        if node.state() == "active":
            assert node.change("deactivate") and node.change("cleanup")
        node.must_set(**{**DEFAULTS, **values})
        assert node.change("configure", 120) and node.change("activate"), node.log
        return node

    yield configure
    code, _ = node.stop(timeout_s=30.0)
    assert code == 0


def test_depth_of_models_of_transformers_is_refined_and_published(configured, tmp_path):
    weights = str(write_tiny_weights(tmp_path / "log.safetensors", process_size=(64, 96)))
    # Edge sharpening picks a neighbour's depth: the last bit of two processes would decide by metres.
    settings = {"precision": "fp32", "runtime": "torch", "sharpen_edges": False}
    limits = {"max_range": 100000.0, "min_range": 0.0, "grid": "2x2"}
    node = configured(weights=weights, **settings, **limits)
    rgb = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    info = camera_info(width=160, height=120, fx=FOCAL_PX)
    out = node.outputs("depth", prime=lambda: node.send(image_message(rgb), info=info))
    model = save_model("depth_anything", tmp_path / "depth_anything")
    assert node.change("deactivate") and node.change("cleanup")
    node.must_set(coarse=model)
    assert node.change("configure") and node.change("activate")
    node.prime(out, lambda: node.send(image_message(rgb), info=info))
    depth = depth_array(out["depth"].of_stamp(node.send(image_message(rgb), info=info)))
    expected, _ = DepthEngine.load(weights, device="cpu", grid=(2, 2), coarse=model, **settings)(rgb)
    np.testing.assert_allclose(depth, expected, rtol=1e-3)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_the_published_depth_is_the_engines(configured, weights, runtime):
    if runtime != "torch":
        pytest.importorskip(runtime)
    node = configured(
        weights=str(weights),
        precision="fp32",
        runtime=runtime,
        max_range=100000.0,
        min_range=0.0,
        points__stride=1,
        points__max_range=100000.0,
        warm_up_size="160x120",
        grid="2x2",
    )
    assert f"on cpu, fp32, {runtime}" in node.log
    rgb = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    info = camera_info(width=160, height=120, fx=FOCAL_PX)
    out = node.outputs("depth", "points", "timing", prime=lambda: node.send(image_message(rgb), info=info))
    stamp = node.send(image_message(rgb), info=info)
    depth = depth_array(out["depth"].of_stamp(stamp))
    engine = DepthEngine.load(weights, device="cpu", precision="fp32", grid=(2, 2))
    expected, _ = engine(rgb, focal_px=FOCAL_PX)
    assert engine.weights_name == out["timing"].of_stamp(stamp).weights == "untrained"
    known = expected > 0
    np.testing.assert_allclose(depth[known], expected[known], rtol=1e-4)
    np.testing.assert_allclose(cloud_array(out["points"].of_stamp(stamp))[..., 2], depth)
    timing = out["timing"].of_stamp(stamp)
    assert timing.coarse_ms > 0 and timing.tiles_ms > 0 and timing.tiles_refined >= 1
    # No time for more than one tile of the four, which is refined all the same; then time for all again.
    for budget_ms, refined in ((0.01, 1), (60000.0, 4), (0.0, 4)):
        node.must_set(latency_budget_ms=budget_ms)
        timing = out["timing"].of_stamp(node.send(image_message(rgb), info=info))
        assert (timing.tiles_refined, timing.tiles_total) == (refined, 4)
    # One tile at a time, and within the bound each of them once.
    node.must_set(latency_budget_ms=0.01)
    coarse, seen = engine.coarse(rgb, focal_px=FOCAL_PX), np.zeros((2, 2), bool)
    for _ in range(refresh_bound(4, 1)):
        depth = depth_array(out["depth"].of_stamp(node.send(image_message(rgb), info=info)))
        as_refined, as_coarse = (inner(np.abs(depth - other)).mean((1, 3)) for other in (expected, coarse))
        seen |= as_refined < as_coarse
    assert seen.all()
    # Too small for the network: refused with a reason, and the next image is computed.
    node.send(image_message(rgb[:20, :20].copy()), info=info)
    node.wait_line("image of 20x20 pixels: each side must be at least 32")
    out["depth"].of_stamp(node.send(image_message(rgb), info=info))


def test_the_shipped_weights_over_dds(configured):
    """What a user gets who sets nothing but the size: trained weights that know a picture by its content."""
    with contextlib.closing(BagReader(TOP / "demo")) as recording:
        record = next(record for record in recording.messages() if record.type == COMPRESSED_TYPE)
        frame = compressed_to_rgb(recording.decode(record), max_pixels=1 << 26)
    rgb = cv2.resize(frame, (512, 384), interpolation=cv2.INTER_AREA)
    info = camera_info(width=512, height=384, fx=400.0)
    node = configured(weights="prv2s", warm_up_size="512x384")
    assert "weights prv2s on cpu" in node.log
    out = node.outputs("depth", "timing", prime=lambda: node.send(image_message(rgb), info=info))
    stamp = node.send(image_message(rgb), info=info)
    depth, timing = depth_array(out["depth"].of_stamp(stamp)), out["timing"].of_stamp(stamp)
    node.must_set(sharpen_edges=False)
    own = depth_array(out["depth"].of_stamp(node.send(image_message(rgb), info=info)))
    assert (timing.weights, timing.tiles_refined) == ("prv2s", 1)
    engine = DepthEngine.load(device="cpu", precision=timing.precision)
    expected, _ = engine(rgb, focal_px=400.0)
    # An edge may move by a pixel for the last bit.
    known = np.isfinite(depth)
    assert known.mean() > 0.5 and np.isclose(depth, expected, rtol=5e-3)[known].mean() > 0.99
    # As the network draws them: other edges, and now to the bit, or nearly.
    assert (np.abs(own[known] / depth[known] - 1) > 0.02).mean() > 0.001
    engine.sharpen_edges = False
    depth, expected = own, engine(rgb, focal_px=400.0)[0]
    known = np.isfinite(depth)
    # A residual that all but cancels the coarse depth leaves single pixels whose relative rounding is large.
    difference = np.abs(depth[known] / expected[known] - 1)
    assert np.quantile(difference, 0.999) < (1e-3 if timing.precision == "fp32" else 5e-3)
