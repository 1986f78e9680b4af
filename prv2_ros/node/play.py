# SPDX-License-Identifier: Apache-2.0
"""Plays a recording to the real node over DDS and records everything that the node publishes, for `prv2 demo`.

`python -m prv2_ros.node.play BAG OUT` is a process of its own, because only this package imports rclpy.
"""

import argparse
import importlib
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from prv2_ros.bags import BagWriter, typestore
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.types import TIMING_TYPE
from prv2_ros.demo import topics
from prv2_ros.demo.processes import end, last_lines, start
from prv2_ros.demo.recording import DemoFrame, read_frames
from prv2_ros.errors import Prv2Error

START_S = 300.0
FRAME_S = 90.0
_SETTLE_S = 1.5
_CONNECT_S = 0.5


class Player:
    """Publishes frames and records the answers.

    Args:
        writer: of the recording.
        process: the node.

    Attributes:
        answered: stamps [ns] of the frames whose last message, the timing, has arrived.
        dropped: frames that the node replaced by newer ones before it computed them, as it reports.
    """

    def __init__(self, writer: BagWriter, process: subprocess.Popen):
        self._writer, self._process = writer, process
        self._node = rclpy.create_node("prv2_player")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self.answered: set[int] = set()
        self.dropped = 0
        qos = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
        self._publishers = {
            topic: self._node.create_publisher(_class(kind), topic, qos) for topic, kind in topics.INPUT.items()
        }
        for topic, kind in topics.OUTPUT.items():
            self._node.create_subscription(_class(kind), topic, partial(self._record, topic, kind), qos, raw=True)

    def wait_for_node(self, log: Path) -> None:
        """Wait until the node listens and publishes; a Prv2Error with the end of its log if it does not."""
        deadline = time.monotonic() + START_S
        while not self._matched():
            self.spin(time.monotonic() + 0.1)
            text = log.read_text(errors="replace")
            # The node keeps running after a failed transition, for an operator.
            if failed := next((line for line in text.splitlines() if " failed: " in line), None):
                raise Prv2Error(f"the node cannot start: {failed.split(']: ')[-1]}")
            if self._process.poll() is not None:
                what = f"the node ended with status {self._process.returncode}"
                raise Prv2Error(f"{what}; the end of {log}:\n{last_lines(log)}")
            if time.monotonic() > deadline:
                what = f"the node did not subscribe within {START_S:.0f} s"
                raise Prv2Error(f"{what}; the end of {log}:\n{last_lines(log)}")
        self.spin(time.monotonic() + _CONNECT_S)

    def _matched(self) -> bool:
        publishing = all(self._node.count_publishers(topic) for topic in (topics.DEPTH, topics.TIMING))
        return publishing and all(publisher.get_subscription_count() for publisher in self._publishers.values())

    def play(self, frames: list[DemoFrame], rate: float | None) -> float:
        """Send all frames; returns the seconds from the first one to the last answer.

        `rate` None sends the next frame when the previous one is answered, a number plays at the recording's pace times
        this number.
        """
        began = time.monotonic()
        for number, frame in enumerate(frames):
            if rate is not None:
                self.spin(began + (frame.time_ns - frames[0].time_ns) / 1e9 / rate)
            for topic, data in ((topics.CAMERA_INFO, frame.camera_info), (topics.IMAGE, frame.image)):
                if data is not None:
                    self._publishers[topic].publish(data)
                    self._writer.write(topic, topics.INPUT[topic], time.time_ns(), data)
            if rate is None or number + 1 == len(frames):
                self.spin(time.monotonic() + FRAME_S, frame.stamp)
            if sys.stderr.isatty():
                sys.stderr.write(f"\r  frame {number + 1} of {len(frames)}" + "\n" * (number + 1 == len(frames)))
        took = time.monotonic() - began
        self.spin(time.monotonic() + _SETTLE_S)  # the last diagnostics
        return took

    def spin(self, until_s: float, answer: int | None = None) -> None:
        """Record until this time, until the frame with the stamp `answer` is complete, or until the node ends."""
        while time.monotonic() < until_s and answer not in self.answered and self._process.poll() is None:
            self._executor.spin_once(timeout_sec=0.05)

    def _record(self, topic: str, kind: str, data: bytes) -> None:
        self._writer.write(topic, kind, time.time_ns(), data)
        if kind == TIMING_TYPE:
            timing = typestore().deserialize_cdr(data, kind)
            self.answered.add(stamp_ns(timing))
            self.dropped = max(self.dropped, int(timing.frames_dropped))


def _class(name: str) -> type:
    package, _, kind = name.partition("/msg/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)


def node_arguments(weights: str, device: str, frame: DemoFrame) -> list[str]:
    """Arguments of `python -m` for the node of the demo; it warms up with the size of a frame."""
    size = "1920x1080"
    if frame.camera_info is not None:
        info = typestore().deserialize_cdr(frame.camera_info, topics.INPUT[topics.CAMERA_INFO])
        size = f"{info.width}x{info.height}"
    parameters = {"image_transport": "compressed", "weights": weights, "device": device, "warm_up_size": size}
    parameters |= {"points.stride": "8", "silent_topic_s": "0.0"}
    # Otherwise a busy machine loses frames in the transport, which is not the subject of the demo.
    parameters[f"qos_overrides.{topics.IMAGE}.subscription.reliability"] = "reliable"
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return ["prv2_ros.node", "--ros-args", *words]


def _run(args: argparse.Namespace) -> int:
    frames = read_frames(args.bag, args.frames)
    args.out.mkdir(parents=True, exist_ok=True)
    scratch, log = args.out / ".recording", args.out / "node.log"
    shutil.rmtree(scratch, ignore_errors=True)
    with log.open("w") as file, BagWriter(scratch / "demo") as writer:
        process = start(node_arguments(args.weights, args.device, frames[0]), log=file)
        try:
            player = Player(writer, process)
            player.wait_for_node(log)
            took = player.play(frames, args.rate)
        finally:
            end(process)
    for made in (scratch / "demo").iterdir():
        made.replace(args.out / made.name)
    shutil.rmtree(scratch)
    played, out = writer.counts[topics.IMAGE], writer.counts.get(topics.DEPTH, 0)
    pace = "each frame after the previous answer" if args.rate is None else f"{args.rate:g} times the recorded rate"
    lost = max(0, played - out - player.dropped)
    sys.stdout.write(f"\nframes in {played}, out {out}, dropped {player.dropped}, lost {lost}   ({pace})\n")
    if not out:
        raise Prv2Error(f"the node published no depth; see {log}")
    sys.stdout.write(f"{took / out:.2f} s a frame from first to last, player and recorder on the same machine\n")
    return 0


def main() -> int:
    """Play; 1 without depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", default="prv2s")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--frames", type=int)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    # Like Ctrl-C: end the node first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(parser.parse_args())
    except Prv2Error as error:
        sys.stderr.write(f"prv2 demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
