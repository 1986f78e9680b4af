# SPDX-License-Identifier: Apache-2.0
"""`prv2 demo` on a tiny recording: the real node in its own process, real DDS, and honest numbers."""

import os
import subprocess
import sys

import numpy as np
import pytest

from prv2_ros.bags import BagReader
from prv2_ros.bags.depth_recording import DepthRecording
from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.cli.main import main
from prv2_ros.demo import topics
from prv2_ros.demo.processes import end, start
from prv2_ros.demo.recording import read_frames, read_truth, truth_of
from prv2_ros.media import read_image

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def demo(street_bag, random_weights, tmp_path_factory):
    """Output of one run, and its folder."""
    pytest.importorskip("rclpy")
    out = tmp_path_factory.mktemp("out") / "demo"
    argv = ["demo", "--bag", str(street_bag), "--out", str(out), "--weights", str(random_weights), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "prv2_ros.cli.main", *argv, "--picture", str(out / "overview.jpg")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + (out / "node.log").read_text()
    return done.stdout, out


def test_every_frame_goes_in_and_comes_out(demo):
    text, _ = demo
    assert "frames in 3, out 3, dropped 0, lost 0" in text


def test_the_table_has_stages_and_measures(demo):
    text, _ = demo
    for word in ("coarse", "tiles", "publish", "total", "RMSE m", "boundary F1", "mean of 1 frames", "refined against"):
        assert word in text
    rows = {
        line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(("coarse ", "refined  "))
    }
    assert all(0 <= float(value) < 100 for value in rows["refined"])


def test_the_recording_holds_what_the_node_published(demo, street_bag):
    _, out = demo
    stamps = {frame.stamp for frame in read_frames(street_bag)}
    with BagReader(out) as reader:
        counts = {topic.name: topic.count for topic in reader.topics}
        assert {counts[name] for name in (topics.DEPTH, topics.DEPTH_INFO, topics.POINTS, topics.TIMING)} == {3}
        assert counts[topics.DIAGNOSTICS] >= 1 and counts[topics.IMAGE] == 3
        for name in (topics.DEPTH, topics.DEPTH_INFO, topics.POINTS, topics.TIMING):
            assert {stamp_ns(reader.decode(record)) for record in reader.messages([name])} == stamps
        depth_m = read_depth_message(reader.decode(next(reader.messages([topics.DEPTH]))))
    assert depth_m.shape == (192, 320) and np.isfinite(depth_m).any()


def test_pictures(demo):
    _, out = demo
    assert read_image(out / "depth.png").shape[1] == 320
    assert read_image(out / "cloud.png").std() > 1
    assert read_image(out / "overview.jpg").shape[1] == 1600


def test_frames_are_joined_by_their_stamps(demo, street_bag):
    _, out = demo
    recording, truth = DepthRecording(out / "demo.mcap"), read_truth(street_bag)
    try:
        assert len(recording.stamps) == 3 and set(truth) == {recording.stamps[0]}
        frame = recording.moment(recording.stamps[0])
    finally:
        recording.close()
    assert frame.rgb.shape == (192, 320, 3) and frame.intrinsics == (256, 256, 159.5, 95.5)
    truth_m = truth_of(truth[frame.stamp])
    assert np.isinf(truth_m[0]).all() and frame.depth_m.shape == truth_m.shape


def test_a_node_that_cannot_start_fails_the_demo_with_its_log(street_bag, tmp_path, capfd):
    pytest.importorskip("rclpy")
    argv = [
        "demo",
        "--bag",
        str(street_bag),
        "--out",
        str(tmp_path / "o"),
        "--weights",
        str(tmp_path / "none.safetensors"),
    ]
    assert main(argv) != 0
    error = capfd.readouterr().err
    assert "none.safetensors" in error and error.count("\n") == 1


def test_a_missing_recording_is_one_clear_line(tmp_path, capfd):
    pytest.importorskip("rclpy")
    assert main(["demo", "--bag", str(tmp_path / "none"), "--out", str(tmp_path / "o")]) == 1
    assert "does not exist" in capfd.readouterr().err


def test_a_stubborn_child_is_ended_by_its_id(monkeypatch):
    monkeypatch.setattr("prv2_ros.demo.processes._GENTLE_S", 0.3)
    monkeypatch.setattr("prv2_ros.demo.processes._FIRM_S", 0.3)
    code = "import signal, time\n[signal.signal(s, signal.SIG_IGN) for s in (2, 15)]\nprint('up', flush=True)"
    code += "\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert end(process) == -9
    assert start(["timeit", "-n1", "pass"], environment=dict(os.environ), log=subprocess.DEVNULL).wait(60) == 0
