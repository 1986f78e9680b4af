# SPDX-License-Identifier: Apache-2.0
"""What may go wrong, does: frames that fail, memory that runs out, a worker that dies, peers that come and go."""

import os
import signal
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import camera_process
from ros_harness import FORKS, Stream, camera_info, image_message, ns, rgb_image, wait_until


def _camera(node):
    collector = node.diagnostics()
    status = collector.wait(2)["camera"]
    node.probe.forget(collector)
    return status


@pytest.mark.parametrize(
    "kind,words", [("fail_every", "fails on purpose"), ("oom_every", "not enough memory for one tile")]
)
def test_a_frame_that_fails_is_counted_told_and_skipped(start_node, kind, words):
    node = start_node(parameters={"weights": f"stub:{kind}=3"})
    out = node.outputs("timing")
    before = int(_camera(node)[2]["failed"])
    collector = node.diagnostics()
    stamps = []
    for _ in range(9):
        stamps.append(node.send(image_message(rgb_image()), info=camera_info()))
        time.sleep(0.3)
    wait_until(lambda: len(out["timing"]) >= 6)
    assert len(out["timing"]) == 6 and {ns(t.header.stamp) for t in out["timing"]} < set(stamps)
    status = wait_until(lambda: [s["camera"] for s in list(collector) if s["camera"][0] == 2])[0]
    assert words in status[1]
    assert int(_camera(node)[2]["failed"]) == before + 3
    node.wait_line(words)


def test_a_lost_device_is_told_and_the_process_ends_with_a_status_of_its_own(start_node):
    """Nothing but a new process can use the device again: whoever started this one is to start another."""
    node = start_node(parameters={"weights": "stub:lost_after=2", "always_compute": True})
    collector = node.diagnostics()
    with Stream(node, 0.05):
        status = wait_until(lambda: [s["engine"] for s in list(collector) if s["engine"][0] == 2])[0]
        wait_until(lambda: not node.alive)
    assert "illegal memory access" in status[1] and node.status == 3


def test_a_worker_that_dies_is_told_and_started_again(start_node):
    node = start_node(parameters={"weights": "stub:crash_every=4"})
    out = node.outputs("timing", prime=False)
    with Stream(node, 0.05):
        out["timing"].wait(8, 60)
    assert "the thread is meant to die" in node.wait_line("the thread is meant to die")
    collector = node.diagnostics()
    level, message, values = collector.wait()["engine"]
    assert level == 1 and "restarted" in message and int(values["worker_restarts"]) >= 1


def test_a_frame_that_hangs_turns_the_diagnostics_red(start_node):
    node = start_node(
        parameters={
            "weights": "stub:delay_ms=6000",
            "always_compute": True,
            "diagnostics.max_allowed_processing_time_ms": 200.0,
            "diagnostics.max_acceptable_consecutive_delay_ms": 1500.0,
        }
    )
    collector = node.diagnostics()
    collector.wait()
    with Stream(node, 0.2):  # one image alone may come before the node is matched with its publisher
        assert wait_until(lambda: {s["camera"][0] for s in list(collector)} >= {0, 1, 2})
        assert node.get("max_range") == [80.0]  # services answer meanwhile


def test_a_node_that_was_stopped_goes_on_with_the_newest_image(start_node):
    node = start_node()
    out = node.outputs("depth", "timing")
    with Stream(node, 0.02) as stream:
        out["depth"].wait(3)
        node.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        count = len(out["depth"])
        continued_ns = node.probe.now_ns()
        node.send_signal(signal.SIGCONT)
        out["depth"].wait(count + 10)
    stamps = [ns(message.header.stamp) for message in out["depth"]]
    assert stamps == sorted(stamps)
    # At most what lay in the reader and in the slot is old.
    assert sum(continued_ns - 1.4e9 < stamp < continued_ns - 0.2e9 for stamp in stamps) <= 3
    assert stream.stamps


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_a_publisher_that_is_killed_and_started_again(start_node, figure, times):
    node = start_node()
    out = node.outputs("depth", prime=False)
    for _ in range(times):
        camera = FORKS.Process(target=camera_process.run, args=(node.namespace, dict(os.environ)), daemon=True)
        camera.start()
        try:
            count = len(out["depth"])
            out["depth"].wait(count + 5, 60)
        finally:
            camera.kill()
            camera.join()
    figure(f"publisher killed and started again: {times} times, {len(out['depth'])} frames")
    assert node.alive and "Traceback" not in node.log


def test_parameters_that_cannot_be_used_end_the_start_with_one_clear_line(ros):
    from ros_harness import NodeProcess

    cases = {"points.stride": 0, "max_range": "far", "min_range": 90.0, "device": "gpu"}
    nodes = {name: NodeProcess(ros, parameters={name: value}, ready=False) for name, value in cases.items()}
    for name, node in nodes.items():
        node._join(60)
        assert node._status() == 2, node.log
        assert name in node.wait_line("parameter cannot be used")
        assert "Traceback" not in node.log


def test_missing_weights_leave_a_node_that_can_be_helped(start_node):
    node = start_node(parameters={"weights": "nowhere.safetensors"}, ready=False)
    node.wait_line("configure failed: nowhere.safetensors: no such weights file")
    collector = node.diagnostics()
    level, message, values = collector.wait()["engine"]
    assert (level, values["lifecycle_state"]) == (2, "unconfigured") and "nowhere" in message
    assert "Traceback" not in node.log
    node.must_set(weights="stub")
    assert node.change("configure") and node.change("activate")
    collector.clear()
    assert wait_until(lambda: collector and collector[-1]["engine"])[0] == 0
