# SPDX-License-Identifier: Apache-2.0
"""Endurance: tens of thousands of frames, and memory that stays where it was. `make soak` runs the long ones."""

import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import Stream, wait_until


def _threads(node):
    with open(f"/proc/{node.process.pid}/status") as file:
        return int(next(line for line in file if line.startswith("Threads:")).split()[1])


@pytest.mark.parametrize("frames", [250, pytest.param(20000, marks=pytest.mark.soak)])
def test_memory_does_not_grow(start_node, figure, frames):
    values = {
        "weights": "stub:knows_error=1",
        "scale_smoothing": 0.45,
        "min_confidence": 0.1,
        "points.layout": "xyzirc",
    }
    node = start_node(parameters=values)
    topics = ("depth", "info", "points", "picture", "picture_info", "confidence", "depth_png", "preview_jpeg")
    out = node.outputs(*topics, "timing")
    settle = min(1000, frames // 2)
    memory = threads = 0
    start = time.monotonic()
    with Stream(node, 0.01):
        while len(out["timing"]) < frames:
            assert node.alive, node.log
            if not memory and len(out["timing"]) >= settle:
                memory, threads = node.rss_kib(), _threads(node)
            for name in topics:
                # The probe's memory is its own affair, but 20,000 clouds are too many.
                del out[name][:-2]
            time.sleep(0.2)
    took = time.monotonic() - start
    growth = node.rss_kib() / memory - 1
    collector = node.diagnostics()
    values = wait_until(lambda: collector and collector[-1]["camera"][2])
    counts = ", ".join(f"{name} {values[name]}" for name in ("received", "failed", "refused", "lost_in_transport"))
    figure(
        f"soak: {values['computed']} frames in {took:.0f} s ({counts}), memory {memory / 1024:.0f} MiB after {settle} "
        f"frames, {growth:+.2%} at the end, threads {threads} to {_threads(node)}"
    )
    assert growth < 0.02
    assert _threads(node) <= threads
    assert values["failed"] == values["refused"] == "0" and "Traceback" not in node.log
