# SPDX-License-Identifier: Apache-2.0
"""Lifecycle: every transition, in any order, with images arriving throughout; failures; and the end from any state."""

import itertools
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_harness import NodeProcess, Stream, camera_info, image_message, rgb_image, wait_until
from stub_engine import StubEngine

from prv2_ros.errors import WeightsError
from prv2_ros.node.depth_node import DepthNode

NEXT = {
    ("unconfigured", "configure"): "inactive",
    ("inactive", "activate"): "active",
    ("active", "deactivate"): "inactive",
    ("inactive", "cleanup"): "unconfigured",
}
_numbers = itertools.count()
LABELS = ("configure", "activate", "deactivate", "cleanup")


@pytest.mark.parametrize("count", [50, pytest.param(600, marks=pytest.mark.soak)])
def test_random_walk_with_images_arriving_throughout(start_node, figure, count):
    node = start_node(parameters={"weights": "stub:delay_ms=5", "warm_up_size": "off"})
    choose = random.Random(count)
    state, taken, refused = "active", 0, 0
    start = time.monotonic()
    with Stream(node, 0.005) as stream:
        for _ in range(count):
            # Three of four steps are possible ones, so that the walk gets around.
            possible = [label for label in LABELS if (state, label) in NEXT]
            label = choose.choice(possible) if choose.random() < 0.75 else choose.choice(LABELS)
            expected = NEXT.get((state, label))
            assert node.change(label) == (expected is not None), (state, label, node.log)
            state = expected or state
            taken, refused = taken + (expected is not None), refused + (expected is None)
            assert node.state() == state
        while state != "active":
            label = "configure" if state == "unconfigured" else "activate"
            assert node.change(label)
            state = NEXT[state, label]
        depth = node.outputs("depth", prime=False)["depth"]
        depth.wait()
    figure(
        f"lifecycle: {count} random transitions ({taken} possible ones taken, {refused} refused) in "
        f"{time.monotonic() - start:.0f} s, {len(stream.stamps)} images sent meanwhile"
    )
    assert len(stream.stamps) > count / 10 and taken > count / 2 and refused
    assert "Traceback" not in node.log


def test_nothing_is_published_while_inactive(start_node):
    node = start_node()
    out = node.outputs("depth", "timing")
    with Stream(node, 0.01):
        out["depth"].wait(3)
        assert node.change("deactivate")
        time.sleep(0.2)
        count = len(out["depth"]), len(out["timing"])
        time.sleep(0.5)
        assert (len(out["depth"]), len(out["timing"])) == count
        assert node.change("activate")
        out["depth"].wait(count[0] + 3)


STATES = {
    "while loading": ({"weights": "stub:load_ms=30000"}, None),
    "unconfigured": ({"autostart": False}, "waiting to be configured"),
    "inactive": ({"autostart": False}, "waiting to be configured"),
    "active": ({}, "depth of '"),
    "at a frame": ({"weights": "stub:delay_ms=500", "always_compute": True}, "depth of '"),
    "at a frame that never ends": ({"weights": "stub:delay_ms=60000", "always_compute": True}, "depth of '"),
}


def test_a_signal_ends_the_process_within_five_seconds_in_any_state(ros):
    # All at once: their start is what takes the time.
    nodes = {name: NodeProcess(ros, parameters=STATES[name][0], ready=False) for name in STATES}
    numbers = itertools.cycle([signal.SIGINT, signal.SIGTERM])
    for name, node in nodes.items():
        if STATES[name][1]:
            node.wait_line(STATES[name][1])
    wait_until(lambda: ros.node.count_publishers("/diagnostics") >= len(nodes), 60)
    assert nodes["inactive"].change("configure")
    for name in ("at a frame", "at a frame that never ends"):
        nodes[name].send(image_message(rgb_image()), info=camera_info())
    time.sleep(0.5)
    with ThreadPoolExecutor(len(nodes)) as pool:
        ends = list(pool.map(NodeProcess.stop, nodes.values(), numbers))
    for (name, node), (code, took) in zip(nodes.items(), ends, strict=True):
        # Only where a thread had to be left behind is the end not a clean one.
        assert took < 5.0 and code == (0 if name not in ("while loading",) else 1), (name, code, took, node.log)


@pytest.fixture
def make_node(ros):
    """A node in this process, without an executor."""
    nodes = []

    def make(load_engine, **parameters):
        overrides = [Parameter(name, value=value) for name, value in {"weights": "stub", **parameters}.items()]
        node = DepthNode(load_engine=load_engine, node_name=f"inside_{next(_numbers)}", parameter_overrides=overrides)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()
        node.destroy_node()


@pytest.mark.parametrize(
    "error", [WeightsError("the file is damaged"), ValueError("no such device"), RuntimeError("x"), OSError()]
)
def test_a_load_that_fails_leaves_the_node_unconfigured_and_says_why(make_node, error):
    def load(**_):
        raise error

    node = make_node(load)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert str(error) in node.problem and node.engine is None
    node._load_engine = StubEngine.load
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.problem == ""


def test_a_warm_up_that_fails_frees_the_engine(make_node):
    closed = []

    class Cold(StubEngine):
        def warm_up(self, height, width):
            raise MemoryError(f"{width}x{height}")

        def close(self):
            closed.append(self)

    node = make_node(Cold.load)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert closed and node.engine is None and "1920x1080" in node.problem


def test_cleaning_up_frees_engine_threads_and_endpoints(make_node):
    node = make_node(StubEngine.load)
    endpoints = len(list(node.publishers)), len(list(node.subscriptions))
    threads = threading.active_count()
    for _ in range(3):
        for step in (node.trigger_configure, node.trigger_activate, node.trigger_deactivate, node.trigger_cleanup):
            assert step() == TransitionCallbackReturn.SUCCESS
        assert (len(list(node.publishers)), len(list(node.subscriptions))) == endpoints
        assert threading.active_count() == threads and node.engine is None


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_shutdown_from_any_state_frees_everything_and_is_final(make_node, steps):
    node = make_node(StubEngine.load)
    for step in (node.trigger_configure, node.trigger_activate, node.trigger_deactivate)[:steps]:
        step()
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    assert node.engine is None and node.worker is None and node.cameras == []
    assert node.trigger_configure() == TransitionCallbackReturn.ERROR and node.engine is None


def test_cleanup_during_an_endless_frame_gives_way_and_can_be_repeated(make_node):
    node = make_node(StubEngine.load, weights="stub:delay_ms=4000", always_compute=True)
    node.trigger_configure()
    node.trigger_activate()
    node.cameras[0]._on_image(image_message(rgb_image()), {})
    wait_until(lambda: node.worker.busy_ms("") > 0)
    node.trigger_deactivate()
    assert node.trigger_cleanup() == TransitionCallbackReturn.FAILURE
    # In between, the node cannot be made active without a worker.
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    wait_until(lambda: not node.worker.alive)
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_an_activation_that_fails_leaves_no_subscription_behind(make_node, monkeypatch):
    node = make_node(StubEngine.load, cameras=["left", "right"])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    before = len(list(node.subscriptions))
    create = node.create_subscription

    def fail(kind, topic, *arguments, **options):
        if topic.endswith("right/image"):
            raise RuntimeError("the middleware is out of memory")
        return create(kind, topic, *arguments, **options)

    monkeypatch.setattr(node, "create_subscription", fail)
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert len(list(node.subscriptions)) == before and not any(camera.active for camera in node.cameras)
    monkeypatch.undo()
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert len(list(node.subscriptions)) == before + 4


def test_a_camera_that_cannot_be_made_leaves_no_publisher_behind(make_node, monkeypatch):
    node = make_node(StubEngine.load)
    before = len(list(node.publishers))
    create = node.create_lifecycle_publisher

    def fail(kind, topic, *arguments, **options):
        if topic == "timing":
            raise RuntimeError("the middleware is out of memory")
        return create(kind, topic, *arguments, **options)

    monkeypatch.setattr(node, "create_lifecycle_publisher", fail)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert len(list(node.publishers)) == before


def test_activation_forgets_what_was_known_of_the_camera(make_node):
    """Another camera may be at the topic by now, or the same with another zoom."""
    node = make_node(StubEngine.load)
    assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    node.cameras[0]._on_info(camera_info(fx=77.0))
    assert node.cameras[0].calibration.known
    assert node.trigger_deactivate() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert not node.cameras[0].calibration.known and node.cameras[0].calibrated is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_the_process_quietly(ros, number):
    node = NodeProcess(ros, script=["-X", "importtime", "-m", "prv2_ros.node"], ready=False)
    node.wait_line(r"\btorch\.\w")  # in the midst of it
    code, took = node.stop(number)
    assert code == 0 and took < 5 and "Traceback" not in node.log and "KeyboardInterrupt" not in node.log


@pytest.mark.parametrize("rule", ["/cam/1image", "cam image"])
def test_a_name_that_no_topic_can_have_ends_the_start_with_a_clear_line(ros, rule):
    node = NodeProcess(ros, remaps={"image": rule}, ready=False)
    node._join(60)
    assert node._status() == 2 and "Traceback" not in node.log
    assert rule in node.wait_line("command line cannot be used")
