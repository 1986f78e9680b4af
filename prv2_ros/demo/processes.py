# SPDX-License-Identifier: Apache-2.0
"""Child processes of the demo, which are stopped by their ids, gently first, and their ROS environment."""

import importlib.util
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from prv2_ros.errors import Prv2Error
from prv2_ros.paths import share_path

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
    arguments: list[str], *, environment: dict[str, str] | None = None, log: IO | int | None = None
) -> subprocess.Popen:
    """Start `python -m ...` with this environment (None: ours); `log` receives its output (None: ours does)."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C reaches only the first process, which ends its children in order
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


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log file, indented, for an error message."""
    lines = path.read_text(errors="replace").splitlines()[-count:] if path.is_file() else []
    return "\n".join(f"    {line}" for line in lines)
