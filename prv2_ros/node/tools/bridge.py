# SPDX-License-Identifier: Apache-2.0
"""A pipe into ROS: publishes serialised messages from stdin, and writes those of subscribed topics to stdout.

`python -m prv2_ros.node.tools.bridge '{"publish": {TOPIC: TYPE}, "subscribe": {TOPIC: TYPE}}'`

A program without rclpy can play to a node and record its outputs. Both directions carry frames: the length of a
JSON head (uint32, little endian), the head, then `size` bytes of CDR.

- in: `{"topic": TOPIC, "size": N}`
- out: `{"topic": TOPIC, "size": N, "time_ns": T}` with the time of arrival T; and when the numbers of matched endpoints
  change, `{"matched": {TOPIC: COUNT}, "size": 0}` with the subscribers of published and the publishers of subscribed
  topics.

It ends when stdin ends, or at SIGINT.
"""

import importlib
import json
import struct
import sys
import threading
from typing import Any, BinaryIO

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy

_LENGTH = struct.Struct("<I")
_MATCH_PERIOD_S = 0.1


def message_class(name: str) -> type:
    """Class of a message type such as "sensor_msgs/msg/Image"."""
    package, _, kind = name.partition("/msg/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)


class Bridge:
    """Publishers and subscriptions of one pipe, from topics to types; `output` receives the frames."""

    def __init__(self, node: Any, *, publish: dict[str, str], subscribe: dict[str, str], output: BinaryIO):
        qos = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
        self._node = node
        self._output = output
        self._lock = threading.Lock()
        self._matched: dict[str, int] = {}
        self._publishers = {
            topic: node.create_publisher(message_class(kind), topic, qos) for topic, kind in publish.items()
        }
        self._subscribed = list(subscribe)
        for topic, kind in subscribe.items():
            node.create_subscription(message_class(kind), topic, self._receiver(topic), qos, raw=True)
        node.create_timer(_MATCH_PERIOD_S, self._tell_matched)

    def publish(self, topic: str, data: bytes) -> None:
        """Publish serialised bytes."""
        self._publishers[topic].publish(data)

    def _receiver(self, topic: str) -> Any:
        def receive(data: bytes) -> None:
            self._send({"topic": topic, "size": len(data), "time_ns": self._node.get_clock().now().nanoseconds}, data)

        return receive

    def _tell_matched(self) -> None:
        # Known endpoints may not be connected yet, and a best-effort message sent too early is lost.
        matched = {topic: publisher.get_subscription_count() for topic, publisher in self._publishers.items()}
        matched |= {topic: self._node.count_publishers(topic) for topic in self._subscribed}
        if matched != self._matched:
            self._matched = matched
            self._send({"matched": matched, "size": 0}, b"")

    def _send(self, head: dict[str, Any], data: bytes) -> None:
        text = json.dumps(head).encode()
        with self._lock:
            self._output.write(_LENGTH.pack(len(text)) + text)
            self._output.write(data)
            self._output.flush()


def read_frames(source: BinaryIO, bridge: Bridge) -> None:
    """Publish what comes in until the pipe ends."""
    while len(start := source.read(_LENGTH.size)) == _LENGTH.size:
        head = json.loads(source.read(_LENGTH.unpack(start)[0]))
        bridge.publish(head["topic"], source.read(head["size"]))


def main() -> int:
    """Run until stdin ends."""
    topics = json.loads(sys.argv[1])
    rclpy.init()
    node = rclpy.create_node("prv2_bridge")
    bridge = Bridge(
        node, publish=topics.get("publish", {}), subscribe=topics.get("subscribe", {}), output=sys.stdout.buffer
    )

    def read() -> None:
        try:
            read_frames(sys.stdin.buffer, bridge)
        finally:
            rclpy.try_shutdown()

    threading.Thread(target=read, daemon=True).start()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException, BrokenPipeError):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
