# SPDX-License-Identifier: Apache-2.0
"""The node and the bridge to ROS as child processes, which are stopped by their ids, gently first."""

import contextlib
import importlib.util
import json
import os
import queue
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prv2_ros.errors import Prv2Error
from prv2_ros.paths import share_path

_LENGTH = struct.Struct("<I")
_GENTLE_S, _FIRM_S = 15.0, 5.0
_SHARED_MEMORY_BYTES = 1 << 30


def large_frames_fit() -> bool:
    """Whether shared memory has room for the segments of config/fastdds.xml."""
    try:
        memory = os.statvfs("/dev/shm")
    except OSError:
        return False
    return memory.f_bavail * memory.f_frsize > _SHARED_MEMORY_BYTES


def ros_environment() -> dict[str, str]:
    """Environment that limits discovery to this machine and a random domain, and lets 4K frames pass."""
    profiles = {}
    if large_frames_fit():
        old = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
        name = "FASTRTPS_DEFAULT_PROFILES_FILE" if old else "FASTDDS_DEFAULT_PROFILES_FILE"
        profiles[name] = str(share_path("config", "fastdds.xml"))
    return {
        **profiles,
        **os.environ,
        "ROS_DOMAIN_ID": str(random.randint(1, 100)),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONUNBUFFERED": "1",
    }


def require_ros() -> None:
    """Raises Prv2Error where ROS 2 or the built message is missing."""
    if importlib.util.find_spec("rclpy") is None:
        raise Prv2Error("rclpy is not installed: run `make demo`, or source a ROS 2 first")
    if importlib.util.find_spec("prv2_ros.msg") is None:
        raise Prv2Error("prv2_ros/msg/DepthTiming is not built: run `make demo`, or colcon build and source")


def start(
    arguments: list[str], *, environment: dict[str, str], log: IO | None, pipes: bool = False
) -> subprocess.Popen:
    """Start `python -m ...`; with `pipes` its stdin and stdout are ours."""
    pipe = subprocess.PIPE if pipes else None
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        stdin=pipe if pipes else subprocess.DEVNULL,
        stdout=pipe if pipes else log,
        stderr=log,
        start_new_session=True,  # Ctrl-C reaches only this process, which ends its children in order
    )


def end(process: subprocess.Popen) -> int:
    """SIGINT, then SIGTERM, then SIGKILL, to this process alone; returns its exit status."""
    for number, patience_s in ((signal.SIGINT, _GENTLE_S), (signal.SIGTERM, _FIRM_S), (signal.SIGKILL, None)):
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    return process.returncode


@dataclass(frozen=True)
class Arrival:
    """A serialised message that came out of ROS, at `time_ns` of the wall clock."""

    topic: str
    time_ns: int
    data: bytes


class RosPipe:
    """The other end of `prv2_ros.node.tools.bridge`: publishes and records topics, which are given with their types."""

    def __init__(
        self, *, publish: dict[str, str], subscribe: dict[str, str], environment: dict[str, str], log: IO | None = None
    ):
        topics = json.dumps({"publish": publish, "subscribe": subscribe})
        self.process = start(["prv2_ros.node.tools.bridge", topics], environment=environment, log=log, pipes=True)
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self._matched: dict[str, int] = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def publish(self, topic: str, data: bytes) -> None:
        """Publish CDR bytes; a Prv2Error where the bridge has ended."""
        head = json.dumps({"topic": topic, "size": len(data)}).encode()
        try:
            self.process.stdin.write(_LENGTH.pack(len(head)) + head)
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise Prv2Error(f"the ROS bridge ended with status {self.process.poll()}") from error

    def wait_matched(self, topics: list[str], *, timeout_s: float, give_up: Callable[[], bool]) -> bool:
        """Wait until every topic has a counterpart; False on timeout, on `give_up`, or when the bridge ends."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self._changed:
                if all(self._matched.get(topic, 0) > 0 for topic in topics):
                    return True
                self._changed.wait(0.2)
            if give_up() or self.process.poll() is not None:
                return False
        return False

    def close(self) -> None:
        """End the bridge; received messages stay in `arrivals`."""
        if self.process.stdin and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(_FIRM_S)
        except subprocess.TimeoutExpired:
            end(self.process)
        self._thread.join(_FIRM_S)
        if not self._thread.is_alive():
            self.process.stdout.close()

    def _read(self) -> None:
        source = self.process.stdout
        while len(begin := source.read(_LENGTH.size)) == _LENGTH.size:
            head = json.loads(source.read(_LENGTH.unpack(begin)[0]))
            data = source.read(head["size"])
            if "matched" in head:
                with self._changed:
                    self._matched = head["matched"]
                    self._changed.notify_all()
            elif len(data) == head["size"]:
                self.arrivals.put(Arrival(head["topic"], head["time_ns"], data))


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log file, indented, for an error message."""
    lines = path.read_text(errors="replace").splitlines()[-count:] if path.is_file() else []
    return "\n".join(f"    {line}" for line in lines)
