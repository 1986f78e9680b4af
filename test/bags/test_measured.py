# SPDX-License-Identifier: Apache-2.0
"""`prv2 bag --coarse-topic` and `--coarse`: measured depth of a recording, or another network, before the refiner."""

import numpy as np
import pytest
from recordings import START_NS, STEP_NS, image_message
from tiny_depth_models import save_model
from tiny_weights import write_tiny_weights

from prv2_ros.bags import BagReader, BagWriter
from prv2_ros.bags.messages import camera_info_message, make_header, read_depth_message, stamp_ns
from prv2_ros.bags.types import CAMERA_INFO_TYPE, IMAGE_TYPE
from prv2_ros.cli.main import main

WIDTH, HEIGHT = 96, 64
FRAMES = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "log.safetensors"
    return str(write_tiny_weights(path, process_size=(64, 96)))


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """A camera, and depth of 1, 2, 3 m ... that comes later than its image; none for the last."""
    path = tmp_path_factory.mktemp("in") / "drive"
    rng = np.random.default_rng(0)
    with BagWriter(path) as writer:
        for index in range(FRAMES):
            time_ns = START_NS + index * STEP_NS
            header = make_header(time_ns, "camera")
            info = camera_info_message(header, width=WIDTH, height=HEIGHT, intrinsics=(80, 80, 47.5, 31.5))
            writer.write("/camera/camera_info", CAMERA_INFO_TYPE, time_ns, info)
            picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            writer.write("/camera/image_raw", IMAGE_TYPE, time_ns, image_message(header, "rgb8", picture))
            if index < FRAMES - 1:
                depth = np.full((24, 32), 1000 * (index + 1), np.uint16)
                depth[:4, :6] = 0
                message = image_message(header, "16UC1", depth)
                writer.write("/depth/aligned", IMAGE_TYPE, time_ns + 2 * STEP_NS, message)
    return path


def _bag(drive, out, weights, *more):
    options = ["--weights", weights, "--device", "cpu", "--points-stride", "0", "--part-frames", "2", "--threads", "1"]
    return main(["bag", str(drive), str(out), *options, *more])


def _depths(out):
    with BagReader(out) as reader:
        messages = [reader.decode(record) for record in reader.messages(["/camera/depth/image_rect"])]
    return {(stamp_ns(m) - START_NS) // STEP_NS: read_depth_message(m) for m in messages}


def test_measured_depth_of_the_nearest_stamp_is_refined(drive, weights, tmp_path, capsys):
    assert _bag(drive, tmp_path / "o", weights, "--coarse-topic", "/depth/aligned", "--coarse-max-age", "0.04") == 0
    depths = _depths(tmp_path / "o")
    assert sorted(depths) == [0, 1, 2], "the last image has no depth of its time"
    for index, depth in depths.items():
        assert depth.shape == (HEIGHT, WIDTH) and np.isfinite(depth).all()
        assert np.abs(depth[40:, 40:] / (index + 1) - 1).max() < 0.01
    assert (
        "1 images without depth: /camera/image_raw: no depth on /depth/aligned within 0.04 s" in capsys.readouterr().out
    )


def test_another_network_in_front(drive, weights, tmp_path):
    model = save_model("glpn", tmp_path / "glpn")
    assert _bag(drive, tmp_path / "o", weights, "--coarse", model) == 0
    assert sorted(_depths(tmp_path / "o")) == [0, 1, 2, 3]


def test_a_topic_that_holds_no_depth_is_told(drive, weights, tmp_path, capsys):
    assert _bag(drive, tmp_path / "o", weights, "--coarse-topic", "/camera/camera_info") == 1
    assert "holds sensor_msgs/msg/CameraInfo, not depth images" in capsys.readouterr().err
    assert _bag(drive, tmp_path / "o", weights, "--coarse-topic", "/nothing") == 1
    assert "has no topic /nothing" in capsys.readouterr().err
    assert _bag(drive, tmp_path / "o", weights, "--coarse-topic", "/depth/aligned", "--coarse", "x") == 1
    assert "give one of them" in capsys.readouterr().err
