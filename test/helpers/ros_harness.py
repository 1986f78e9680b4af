# SPDX-License-Identifier: Apache-2.0
"""The test's side of the wire: a node process under test, and a probe that speaks to it over DDS."""

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import stub_node
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from plain_info import plain_info
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float64

from prv2_ros.msg import DepthTiming

RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4, "shutdown": {1: 5, 2: 6, 3: 7}}
OUTPUTS = {
    "depth": (Image, "depth/image_rect"),
    "info": (CameraInfo, "depth/camera_info"),
    "points": (PointCloud2, "points"),
    "preview": (Image, "depth/image_color"),
    "timing": (DepthTiming, "timing"),
    "picture": (Image, "rgb/image_rect"),
    "picture_info": (CameraInfo, "rgb/camera_info"),
    "depth_png": (CompressedImage, "depth/image_rect/compressedDepth"),
    "preview_jpeg": (CompressedImage, "depth/image_color/compressed"),
    "confidence": (Image, "depth/confidence"),
    "processing_time": (Float64, "debug/processing_time_ms"),
}
_numbers = iter(range(1, 10**6))
_running: list["NodeProcess"] = []
# Logs of the nodes: a failed assertion quotes its node's, so nothing is lost when they go with the test run.
_logs = tempfile.TemporaryDirectory(prefix="prv2_test_nodes_")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["stub_node", "cv2", "rclpy", "prv2_ros.msg", "sensor_msgs.msg", "diagnostic_msgs.msg"])


def wait_until(condition, timeout_s: float = 20.0, period_s: float = 0.01):
    """The condition's first true value; fails the test after the time-out."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(period_s)
    raise AssertionError(f"not true within {timeout_s} s: {getattr(condition, '__name__', condition)}")


class Collector(list):
    """Messages of one topic, in the order of their arrival."""

    def wait(self, count: int = 1, timeout_s: float = 20.0):
        """The newest message once there are so many."""
        wait_until(lambda: len(self) >= count, timeout_s)
        return self[-1]

    def of_stamp(self, stamp_ns: int, timeout_s: float = 20.0):
        """The message with this stamp."""
        found = wait_until(lambda: [m for m in list(self) if ns(m.header.stamp) == stamp_ns], timeout_s)
        return found[0]


def ns(stamp: Any) -> int:
    """Nanoseconds of a stamp message."""
    return stamp.sec * 10**9 + stamp.nanosec


class Probe:
    """A node of the test process that spins in its own thread."""

    def __init__(self):
        # Its handler would swallow a SIGTERM to the test run, shut the context down and let the tests go on without it.
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(f"probe_{os.getpid()}")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        while not self._end.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.05)
            except ExternalShutdownException:
                return
            except Exception:  # noqa: BLE001 - endpoints are destroyed while this thread waits on them
                traceback.print_exc()

    def close(self):
        for process in _running:
            process.stop()
        self._end.set()
        self._thread.join(5)
        self.node.destroy_node()
        rclpy.shutdown()

    def now_ns(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def collect(self, message_type: type, topic: str, profile: QoSProfile = RELIABLE) -> Collector:
        collector = Collector()
        collector.subscription = self.node.create_subscription(message_type, topic, collector.append, profile)
        return collector

    def forget(self, collector: Collector) -> None:
        self.node.destroy_subscription(collector.subscription)

    def call(self, service_type: type, name: str, request: Any, timeout_s: float = 20.0):
        client = self.node.create_client(service_type, name)
        try:
            assert client.wait_for_service(timeout_s), f"no service {name}"
            future = client.call_async(request)
            wait_until(future.done, timeout_s)
            return future.result()
        finally:
            self.node.destroy_client(client)


class NodeProcess:
    """The real node in a process of its own, in a namespace of its own.

    Args:
        probe: the test's side.
        parameters: overrides by name; the weights are "stub" unless given.
        remaps: remappings by name.
        ready: wait until the node is active.
        script: what an interpreter runs, with its arguments; None forks a server that has torch imported already.
        env: changes to the environment.
    """

    def __init__(
        self,
        probe: Probe,
        *,
        parameters: dict | None = None,
        remaps: dict | None = None,
        ready: bool = True,
        script: list[str] | None = None,
        env: dict | None = None,
    ):
        self.probe = probe
        self.namespace = f"/t{os.getpid()}_{next(_numbers)}"
        self.name = f"{self.namespace}/depth_node"
        arguments = ["--ros-args", "-r", f"__ns:={self.namespace}"]
        for key, value in {"weights": "stub", "camera_info_wait_s": 0.2, **(parameters or {})}.items():
            arguments += ["-p", f"{key}:={_yaml(value)}"]
        for key, value in (remaps or {}).items():
            arguments += ["-r", f"{key}:={value}"]
        handle, self._log = tempfile.mkstemp(dir=_logs.name, suffix=".log")
        os.close(handle)
        environment = {**os.environ, **(env or {})}
        if script:
            with open(self._log, "w") as log:
                process = subprocess.Popen(
                    [sys.executable, *script, *arguments], stdout=log, stderr=log, env=environment
                )
            self._join, self._status = process.wait, process.poll
        else:
            process = FORKS.Process(target=stub_node.run_forked, args=(arguments, self._log, environment), daemon=True)
            process.start()
            self._join, self._status = process.join, lambda: process.exitcode
        self.process = process
        self.publishers: dict[str, Any] = {}
        _running.append(self)
        if ready:
            self.wait_line("depth of '")

    def topic(self, name: str) -> str:
        return f"{self.namespace}/{name}"

    @property
    def log(self) -> str:
        """All that the process has written."""
        return Path(self._log).read_text(errors="replace")

    @property
    def alive(self) -> bool:
        return self._status() is None

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        return self._status()

    def wait_line(self, pattern: str, timeout_s: float = 120.0) -> str:
        """The first line of the log that has the pattern."""
        deadline = time.monotonic() + timeout_s
        while True:
            alive = self.alive
            found = [line for line in self.log.splitlines() if re.search(pattern, line)]
            if found:
                return found[0]
            assert alive and time.monotonic() < deadline, f"'{pattern}' is not in the log:\n{self.log}"
            time.sleep(0.02)

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def stop(self, number: int = signal.SIGINT, timeout_s: float = 10.0) -> tuple[int, float]:
        """(exit status, seconds it took) after a signal."""
        start = time.monotonic()
        if self.alive:
            self.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._join(timeout_s)
            if self.alive:
                self.process.kill()
                self._join(timeout_s)
        took = time.monotonic() - start
        for publisher in self.publishers.values():
            self.probe.node.destroy_publisher(publisher)
        self.publishers = {}
        return self._status(), took

    def outputs(self, *names: str, camera: str = "", prime: Any = True) -> dict[str, Collector]:
        """Collectors of outputs. They and the inputs are known to work, or with `prime=False` only to exist.

        Discovery is mutual and unordered: that a publisher sees a subscription does not mean that it is seen. So
        images are sent until each output has answered; `prime` can be a function that sends one.
        """
        prefix = f"{camera}/" if camera else ""
        collectors = {
            name: self.probe.collect(OUTPUTS[name][0], self.topic(prefix + OUTPUTS[name][1])) for name in names
        }
        for name in names:
            wait_until(lambda name=name: self.probe.node.count_publishers(self.topic(prefix + OUTPUTS[name][1])))
        if prime:
            self.prime(collectors, prime)
        return collectors

    def prime(self, collectors: dict[str, Collector], send: Any = True) -> None:
        """Send images until each collector has a message, then forget what came."""
        send = send if callable(send) else lambda: self.send(image_message(rgb_image()), info=camera_info())
        deadline = time.monotonic() + 30
        while not all(collectors.values()):
            assert time.monotonic() < deadline, f"nothing on {[n for n, c in collectors.items() if not c]}:\n{self.log}"
            send()
            time.sleep(0.1)
        count = -1
        while count != (count := sum(len(collector) for collector in collectors.values())):
            time.sleep(0.25)
        for collector in collectors.values():
            collector.clear()

    def publisher(self, message_type: type, topic: str, profile: QoSProfile = RELIABLE, matched: bool = True):
        """Publisher to an input topic, kept."""
        if topic not in self.publishers:
            self.publishers[topic] = self.probe.node.create_publisher(message_type, self.topic(topic), profile)
        if matched:
            wait_until(lambda: self.publishers[topic].get_subscription_count() > 0)
        return self.publishers[topic]

    def send(self, message: Any, topic: str = "image", info: Any = None, info_topic: str = "camera_info") -> int:
        """Publish an image, its camera_info first; the stamp is now unless it is set. Returns the stamp [ns]."""
        if not ns(message.header.stamp):
            message.header.stamp = self.probe.node.get_clock().now().to_msg()
        if info is not None:
            info.header.stamp = message.header.stamp
            self.publisher(CameraInfo, info_topic).publish(info)
        self.publisher(type(message), topic).publish(message)
        return ns(message.header.stamp)

    def diagnostics(self) -> Collector:
        """Collector of this node's statuses by part: {"camera": (level, message, {key: value}), ...}."""
        collector = Collector()
        prefix = self.name.lstrip("/") + ": "

        def on_array(array: DiagnosticArray):
            mine = {
                status.name.removeprefix(prefix): status for status in array.status if status.name.startswith(prefix)
            }
            if mine:
                collector.append(
                    {
                        part: (
                            int.from_bytes(status.level, "little"),
                            status.message,
                            {pair.key: pair.value for pair in status.values},
                        )
                        for part, status in mine.items()
                    }
                )

        collector.subscription = self.probe.node.create_subscription(DiagnosticArray, "/diagnostics", on_array, 10)
        return collector

    def set(self, **values: Any) -> list:
        """Set parameters (dots written as __) and return [(successful, reason), ...]."""
        request = SetParameters.Request(
            parameters=[
                Parameter(key.replace("__", "."), value=value).to_parameter_msg() for key, value in values.items()
            ]
        )
        results = self.probe.call(SetParameters, f"{self.name}/set_parameters", request).results
        return [(result.successful, result.reason) for result in results]

    def must_set(self, **values: Any) -> None:
        assert all(ok for ok, _ in self.set(**values)), self.set(**values)

    def get(self, *names: str) -> list:
        response = self.probe.call(GetParameters, f"{self.name}/get_parameters", GetParameters.Request(names=names))
        return [rclpy.parameter.parameter_value_to_python(value) for value in response.values]

    def list_parameters(self) -> list[str]:
        return list(
            self.probe.call(ListParameters, f"{self.name}/list_parameters", ListParameters.Request()).result.names
        )

    def describe(self, *names: str) -> list:
        request = DescribeParameters.Request(names=names)
        return self.probe.call(DescribeParameters, f"{self.name}/describe_parameters", request).descriptors

    def state(self) -> str:
        return self.probe.call(GetState, f"{self.name}/get_state", GetState.Request()).current_state.label

    def change(self, label: str, timeout_s: float = 20.0) -> bool:
        """Ask for a transition by its label."""
        request = ChangeState.Request()
        request.transition.label = label
        return self.probe.call(ChangeState, f"{self.name}/change_state", request, timeout_s).success

    def rss_kib(self) -> int:
        """Resident memory of the process [KiB]."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def rgb_image(depth_tenths: int = 50, *, height: int = 48, width: int = 64, blue: int = 0) -> np.ndarray:
    """(H, W, 3) image whose stub depth is `depth_tenths` / 10 m at the left and rises by 0.1 m a column."""
    value = np.arange(width) + depth_tenths
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = value % 256, value // 256, blue
    return image


def image_message(
    rgb: np.ndarray,
    *,
    encoding: str = "rgb8",
    frame_id: str = "camera_optical",
    data: bytes | None = None,
    step: int | None = None,
    is_bigendian: bool = False,
) -> Image:
    """Image message; `rgb` gives the size, and the data unless they are given."""
    message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding=encoding, is_bigendian=int(is_bigendian))
    message.header.frame_id = frame_id
    message.data = rgb.tobytes() if data is None else data
    message.step = step or len(message.data) // max(rgb.shape[0], 1)
    return message


def camera_info(**values: Any) -> CameraInfo:
    """The message of `plain_info`, from the same values."""
    plain = plain_info(**values)
    info = CameraInfo(width=plain.width, height=plain.height, distortion_model=plain.distortion_model, d=plain.d)
    info.header.frame_id = plain.header.frame_id
    info.k, info.r, info.p = plain.k, plain.r, plain.p
    return info


def depth_array(message: Image) -> np.ndarray:
    """(H, W) array of a depth message, as its encoding says."""
    dtype = {"32FC1": np.float32, "16UC1": np.uint16}[message.encoding]
    return np.frombuffer(message.data, dtype).reshape(message.height, message.step // np.dtype(dtype).itemsize)[
        :, : message.width
    ]


def cloud_array(message: PointCloud2) -> np.ndarray:
    """(h, w, floats) float32 array of a cloud."""
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width, message.point_step // 4)


TRANSIENT = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Stream:
    """Images and camera_info at a rate, from a thread, until the end of the block.

    Args:
        node: where they go.
        period_s: time between two images [s].
        camera: namespace of the camera in the node, "" for the only one.
        shape: height and width of the images.
    """

    def __init__(self, node: NodeProcess, period_s: float, *, camera: str = "", shape: tuple[int, int] = (48, 64)):
        self._node, self._period_s, self._shape = node, period_s, shape
        self._prefix = f"{camera}/" if camera else ""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.stamps: list[int] = []

    def _run(self):
        images = self._node.publisher(Image, f"{self._prefix}image", matched=False)
        infos = self._node.publisher(CameraInfo, f"{self._prefix}camera_info", matched=False)
        height, width = self._shape
        message, info = image_message(rgb_image(height=height, width=width)), camera_info(width=width, height=height)
        due = time.monotonic()
        while not self._end.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._period_s, time.monotonic())
            message.header.stamp = info.header.stamp = self._node.probe.node.get_clock().now().to_msg()
            infos.publish(info)
            images.publish(message)
            self.stamps.append(ns(message.header.stamp))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
