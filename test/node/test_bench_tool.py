# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench --ros` over real DDS, at a size where a frame costs little."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")


def test_figures_of_the_node_over_dds(tmp_path):
    out = tmp_path / "ros.json"
    options = ["--width", "320", "--height", "240", "--frames", "3", "--stride", "3", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "prv2_ros.node.tools.bench", *options], capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())["ros"]
    assert figures["bytes"] == {"image": 320 * 240 * 3, "depth": 320 * 240 * 4, "points": 107 * 80 * 16}
    assert figures["own_cpu_ms"] > 0 and 0 < figures["numpy_copy_ms"] < figures["own_ms"]
    assert figures["ratio"] == pytest.approx(figures["own_ms"] / figures["numpy_copy_ms"], rel=0.6)
    for name in ("publish_ms", "image_transport_ms", "depth_transport_ms", "points_transport_ms"):
        assert figures[name] > 0
    assert "copying the same bytes with numpy" in done.stdout
