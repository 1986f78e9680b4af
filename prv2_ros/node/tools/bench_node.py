# SPDX-License-Identifier: Apache-2.0
"""The real node with an engine that returns prepared depth, to measure only the node.

`python -m prv2_ros.node.tools.bench_node --ros-args ...` writes a JSON line for each frame to stdout: milliseconds from
arrival to the last publication, those within `publish`, and when each `publish` began.
"""

import json
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import rclpy
import torch
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from prv2_ros.engine import DepthResult, FrameTiming
from prv2_ros.node.depth_node import DepthNode
from prv2_ros.node.outputs import DEPTH, POINTS, TIMING


class ReadyEngine:
    """Interface of `DepthEngine` with prepared depth for each frame size."""

    device = torch.device("cpu")
    precision, variant, weights_name, mode, runtime = "fp32", "none", "none (bench)", "p16", "none"
    process_size, canonical_focal_px, min_depth_m, max_depth_m = (384, 512), 400.0, 0.1, 80.0

    def __init__(self) -> None:
        self.budget = SimpleNamespace(latency_ms=None, max_tiles=None, forget=lambda stream=None: None)
        self._depths: dict[tuple[int, int], torch.Tensor] = {}
        self.began_cpu_s = 0.0

    @classmethod
    def load(cls, **_: Any) -> "ReadyEngine":
        """Ignores all options."""
        return cls()

    def infer(self, rgb: np.ndarray, focal_px: Any = None, **_: Any) -> DepthResult:
        """Depth of 0.05 to 120 m, partly outside of the range."""
        self.began_cpu_s = time.thread_time()
        size = rgb.shape[:2]
        if size not in self._depths:
            coarse = torch.rand(1, 1, 9, 16, generator=torch.Generator().manual_seed(0)) * 120 + 0.05
            self._depths[size] = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")[0, 0].contiguous()
        return DepthResult(self._depths[size], FrameTiming())

    def warm_up(self, height: int, width: int) -> float:
        """Does nothing."""
        return 0.0

    def close(self) -> None:
        """Does nothing."""


class PublishClock:
    """Measures the time of a camera's frames within `publish`; the engine knows when the worker began."""

    def __init__(self, camera: Any, engine: ReadyEngine):
        self._engine = engine
        self._within_ms = self._within_cpu_ms = 0.0
        self._began_ns: dict[str, int] = {}
        for name, topic in {"depth": DEPTH, "points": POINTS, "depth_info": "depth/camera_info"}.items():
            publisher = camera.publishers[topic]
            publisher.publish = self._watched(name, publisher.publish)
        camera.publishers[TIMING].publish = self._tell(camera.publishers[TIMING].publish)

    def _watched(self, name: str, publish: Callable[[Any], None]) -> Callable[[Any], None]:
        def watched(message: Any) -> None:
            self._began_ns[name] = time.time_ns()
            start, cpu = time.perf_counter(), time.thread_time()
            publish(message)
            self._within_ms += (time.perf_counter() - start) * 1e3
            self._within_cpu_ms += (time.thread_time() - cpu) * 1e3

        return watched

    def _tell(self, publish: Callable[[Any], None]) -> Callable[[Any], None]:
        def tell(message: Any) -> None:
            line = {
                "stamp": [message.header.stamp.sec, message.header.stamp.nanosec],
                "total_ms": message.total_ms,
                "queue_wait_ms": message.queue_wait_ms,
                "convert_ms": message.convert_ms,
                "download_ms": message.download_ms,
                "within_publish_ms": self._within_ms,
                "own_cpu_ms": (time.thread_time() - self._engine.began_cpu_s) * 1e3 - self._within_cpu_ms,
                "received_ns": time.time_ns() - int(message.total_ms * 1e6),
                "began_ns": self._began_ns,
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            self._within_ms, self._within_cpu_ms, self._began_ns = 0.0, 0.0, {}
            publish(message)

        return tell


def main() -> int:
    """Run until the context ends."""
    rclpy.init()
    node = DepthNode(load_engine=ReadyEngine.load)
    node.autostart()
    for camera in node.cameras:
        PublishClock(camera, node.engine)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
