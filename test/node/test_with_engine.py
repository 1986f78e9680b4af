# SPDX-License-Identifier: Apache-2.0
"""The node with the real engine and a real, if untrained, network; and the stub held to the engine's face."""

import inspect

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import NodeProcess, camera_info, cloud_array, depth_array, image_message
from stub_engine import StubEngine

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.model import create_coarse, create_refiner

FOCAL_PX = 300.0


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(1)
    coarse = create_coarse("small")
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    header = WeightsHeader(
        variant="prv2s",
        coarse="small",
        coarse_channels=coarse.channels,
        process_size=(64, 96),
        canonical_focal_px=75.0,
        max_depth_m=1000.0,
    )
    save_weights(path, refiner=create_refiner("prv2s"), coarse=coarse, header=header)
    return path


@pytest.mark.parametrize("name", ["load", "infer", "warm_up", "close"])
def test_the_stub_has_the_face_of_the_engine(name):
    real = inspect.signature(getattr(DepthEngine, name)).parameters
    stub = inspect.signature(getattr(StubEngine, name)).parameters
    assert [parameter for parameter in real if parameter in stub] == list(stub)


def test_the_published_depth_is_the_engines(ros, weights):
    values = {
        "weights": str(weights),
        "device": "cpu",
        "precision": "fp32",
        "max_range": 100000.0,
        "min_range": 0.0,
        "points.stride": 1,
        "points.max_range": 100000.0,
        "warm_up_size": "160x120",
    }
    node = NodeProcess(ros, parameters=values, script=["-m", "prv2_ros.node"])
    rgb = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    info = camera_info(width=160, height=120, fx=FOCAL_PX)
    out = node.outputs("depth", "points", "timing", prime=lambda: node.send(image_message(rgb), info=info))
    stamp = node.send(image_message(rgb), info=info)
    depth = depth_array(out["depth"].of_stamp(stamp))
    engine = DepthEngine.load(weights, device="cpu", precision="fp32")
    expected, _ = engine(rgb, focal_px=FOCAL_PX)
    assert engine.weights_name == out["timing"].of_stamp(stamp).weights == "untrained"
    known = expected > 0
    np.testing.assert_allclose(depth[known], expected[known], rtol=1e-4)
    np.testing.assert_allclose(cloud_array(out["points"].of_stamp(stamp))[..., 2], depth)
    timing = out["timing"].of_stamp(stamp)
    assert timing.coarse_ms > 0 and timing.tiles_ms > 0 and timing.tiles_refined >= 1
    # Too small for the network: refused with a reason, and the next image is computed.
    node.send(image_message(rgb[:20, :20].copy()), info=info)
    node.wait_line("image of 20x20 pixels: each side must be at least 32")
    out["depth"].of_stamp(node.send(image_message(rgb), info=info))
    code, took = node.stop()
    assert code == 0 and took < 5
