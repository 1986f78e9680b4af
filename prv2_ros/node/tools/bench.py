# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench --ros`: the node's own time for a frame over real DDS, compared with copying the same bytes in numpy.

This process is camera and listener; `bench_node` is the node, in a process of its own.
"""

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from prv2_ros.msg import DepthTiming

_MATCH_S, _FRAME_S, _TRIES = 60.0, 10.0, 5


class Camera:
    """Publishes frames of a size, and receives the node's outputs."""

    def __init__(self, node: Any, *, width: int, height: int):
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._node = node
        self._images = node.create_publisher(Image, "image", reliable)
        self._infos = node.create_publisher(CameraInfo, "camera_info", reliable)
        self.arrivals: queue.Queue[tuple[str, tuple[int, int], int, int]] = queue.Queue()
        for name, (kind, topic) in {
            "depth": (Image, "depth/image_rect"),
            "points": (PointCloud2, "points"),
            "timing": (DepthTiming, "timing"),
        }.items():
            node.create_subscription(kind, topic, self._listener(name), reliable)
        self._image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
        self._image.data = np.random.default_rng(0).integers(0, 255, 3 * width * height, np.uint8).tobytes()
        self._info = CameraInfo(height=height, width=width, distortion_model="plumb_bob")
        focal = 0.9 * width
        self._info.k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
        self._info.p = [focal, 0.0, width / 2, 0.0, 0.0, focal, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
        self._image.header.frame_id = self._info.header.frame_id = "camera_optical"

    def _listener(self, name: str) -> Any:
        def listen(message: Any) -> None:
            stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
            size = len(message.data) if hasattr(message, "data") else 0
            self.arrivals.put((name, stamp, time.time_ns(), size))

        return listen

    def matched(self) -> bool:
        """Whether the node is connected in both directions."""
        topics = ("depth/image_rect", "points", "timing")
        return self._images.get_subscription_count() > 0 and all(self._node.count_publishers(t) for t in topics)

    def publish(self) -> tuple[tuple[int, int], int, float]:
        """Publish one frame; returns its stamp, the start [ns], and the milliseconds of `publish`."""
        stamp = self._node.get_clock().now().to_msg()
        self._image.header.stamp = self._info.header.stamp = stamp
        self._infos.publish(self._info)
        began, start = time.time_ns(), time.perf_counter()
        self._images.publish(self._image)
        return (stamp.sec, stamp.nanosec), began, (time.perf_counter() - start) * 1e3

    def hear(self, stamp: tuple[int, int]) -> dict[str, tuple[int, int]] | None:
        """Arrival [ns] and bytes of every output of a frame; None if one is missing."""
        heard: dict[str, tuple[int, int]] = {}
        deadline = time.monotonic() + _FRAME_S
        while len(heard) < 3:
            try:
                name, of, arrived, size = self.arrivals.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if of == stamp:
                heard[name] = (arrived, size)
        return heard


def copy_ms(sizes: list[int], repeats: int) -> tuple[float, float]:
    """Median wall and CPU milliseconds of copying arrays of these sizes into existing memory."""
    sources = [np.ones(size, np.uint8) for size in sizes]
    targets = [np.zeros(size, np.uint8) for size in sizes]
    samples = []
    for _ in range(repeats):
        start, cpu = time.perf_counter(), time.thread_time()
        for source, target in zip(sources, targets):
            np.copyto(target, source)
        samples.append(((time.perf_counter() - start) * 1e3, (time.thread_time() - cpu) * 1e3))
    return tuple(median(column) for column in zip(*samples))


def measure(camera: Camera, lines: "queue.Queue[dict]", *, frames: int, image_bytes: int) -> dict[str, Any]:
    """Send frames one by one, and measure the copies in between; raises TimeoutError without answers."""
    rows, copies, sizes = [], [], []
    for frame in range(frames + 3):  # the first frames allocate memory
        row = _one_frame(camera, lines)
        if frame >= 3:
            sizes = [image_bytes, row.pop("depth_bytes"), row.pop("points_bytes")]
            rows.append(row)
            copies.append(copy_ms(sizes, 3))
    own = [row["own_ms"] for row in rows]
    result = {name: round(median(row[name] for row in rows), 2) for name in rows[0]}
    copy, copy_cpu = (median(column) for column in zip(*copies))
    return {
        "frames": frames,
        "bytes": dict(zip(("image", "depth", "points"), sizes)),
        **result,
        "own_p90_ms": round(float(np.percentile(own, 90)), 2),
        "numpy_copy_ms": round(copy, 2),
        "numpy_copy_cpu_ms": round(copy_cpu, 2),
        "ratio": round(median(own) / copy, 2),
        "cpu_time_ratio": round(result["own_cpu_ms"] / copy_cpu, 2),
    }


def _one_frame(camera: Camera, lines: "queue.Queue[dict]") -> dict[str, Any]:
    for _ in range(_TRIES):  # images are best effort
        stamp, began, within = camera.publish()
        heard = camera.hear(stamp)
        if heard is None:
            continue
        line = lines.get(timeout=_FRAME_S)
        while tuple(line["stamp"]) != stamp:
            line = lines.get(timeout=_FRAME_S)
        return {
            "own_ms": line["total_ms"] - line["within_publish_ms"],
            "own_cpu_ms": line["own_cpu_ms"],
            **{name: line[name] for name in ("queue_wait_ms", "convert_ms", "download_ms")},
            "publish_ms": line["within_publish_ms"],
            "image_transport_ms": (line["received_ns"] - began) / 1e6,
            "camera_publish_ms": within,
            "depth_transport_ms": (heard["depth"][0] - line["began_ns"]["depth"]) / 1e6,
            "points_transport_ms": (heard["points"][0] - line["began_ns"]["points"]) / 1e6,
            "depth_bytes": heard["depth"][1],
            "points_bytes": heard["points"][1],
        }
    raise TimeoutError(f"no answer to {_TRIES} frames in a row")


def as_text(result: dict[str, Any]) -> str:
    """Text of the figures."""
    megabytes = {name: size / 1e6 for name, size in result["bytes"].items()}
    return "\n".join(
        [
            f"node over DDS, {result['size']} rgb8 in ({megabytes['image']:.1f} MB), "
            f"32FC1 ({megabytes['depth']:.1f} MB) and cloud of stride {result['stride']} "
            f"({megabytes['points']:.1f} MB) out, {result['frames']} frames",
            f"the node's own time, from arrival to the last publication, without DDS: {result['own_ms']:.1f} ms "
            f"(90th percentile {result['own_p90_ms']:.1f}): waiting for the worker {result['queue_wait_ms']:.1f}, "
            f"conversion {result['convert_ms']:.1f}, values and depth message {result['download_ms']:.1f}, the rest "
            f"is the cloud",
            f"copying the same bytes with numpy: {result['numpy_copy_ms']:.1f} ms; ratio {result['ratio']:.2f} "
            f"(by CPU time of the thread {result['own_cpu_ms']:.1f} to {result['numpy_copy_cpu_ms']:.1f} ms: "
            f"{result['cpu_time_ratio']:.2f})",
            "time of DDS, not included above:",
            f"  within publish() of depth, camera_info and cloud {result['publish_ms']:.1f} ms",
            f"  camera's publish() to the node's callback {result['image_transport_ms']:.1f} ms "
            f"(of it within publish() {result['camera_publish_ms']:.1f})",
            f"  node's publish() to a listener's callback: depth {result['depth_transport_ms']:.1f} ms, "
            f"cloud {result['points_transport_ms']:.1f} ms",
        ]
    )


def main() -> int:
    """Start the node, measure, print; 1 without answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=3840)
    parser.add_argument("--height", type=int, default=2160)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parameters = [f"points.stride:={args.stride}", "warm_up_size:='off'", "points.rate:=0.0"]
    command = [sys.executable, "-m", "prv2_ros.node.tools.bench_node", "--ros-args"]
    process = subprocess.Popen(
        [*command, *(word for p in parameters for word in ("-p", p))], stdout=subprocess.PIPE, text=True
    )
    lines: queue.Queue[dict] = queue.Queue()
    threading.Thread(target=lambda: [lines.put(json.loads(x)) for x in process.stdout], daemon=True).start()
    rclpy.init(args=[])
    node = rclpy.create_node("prv2_bench")
    camera = Camera(node, width=args.width, height=args.height)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=_spin, args=(executor,), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _MATCH_S
        while not camera.matched():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.stderr.write("prv2 bench: the node did not start, see above\n")
                return 1
            time.sleep(0.1)
        time.sleep(0.5)
        result = {"size": f"{args.width}x{args.height}", "stride": args.stride}
        result |= measure(camera, lines, frames=args.frames, image_bytes=3 * args.width * args.height)
    except TimeoutError as error:
        sys.stderr.write(f"prv2 bench: {error}: see doc/troubleshooting.md on large messages\n")
        return 1
    finally:
        process.terminate()
        process.wait()
        rclpy.try_shutdown()
        thread.join(5)
    sys.stdout.write(as_text(result) + "\n")
    if args.json:
        args.json.write_text(json.dumps({"ros": result}, indent=1) + "\n", encoding="utf-8")
    return 0


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return


if __name__ == "__main__":
    sys.exit(main())
