# SPDX-License-Identifier: Apache-2.0
"""Play a recording to the real node over DDS and record everything that the node publishes."""

import queue
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from prv2_ros.bags import BagWriter, typestore
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.types import TIMING_TYPE
from prv2_ros.demo import topics
from prv2_ros.demo.processes import RosPipe, end, last_lines, require_ros, ros_environment, start
from prv2_ros.demo.recording import DemoFrame, read_frames
from prv2_ros.errors import Prv2Error

START_S = 300.0
FRAME_S = 90.0
_SETTLE_S = 1.5
_CONNECT_S = 0.5


@dataclass
class PlayResult:
    """Result of a run.

    Attributes:
        played: frames published to the node.
        counts: messages recorded, by topic.
        timings: the node's DepthTiming messages.
        dropped: frames that the node replaced by newer ones before it computed them, as it reports.
        wall_s: from the first frame to the last answer.
    """

    played: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    timings: list[Any] = field(default_factory=list)
    dropped: int = 0
    wall_s: float = 0.0

    @property
    def out(self) -> int:
        """Number of depth images received."""
        return self.counts.get(topics.DEPTH, 0)

    @property
    def lost(self) -> int:
        """Frames without depth that the node did not drop: lost by the transport, or the run timed out."""
        return max(0, self.played - self.out - self.dropped)


def node_arguments(*, weights: str, device: str, warm_up_size: str) -> list[str]:
    """Arguments of `python -m` for the node of the demo."""
    parameters = {"image_transport": "compressed", "weights": weights, "device": device, "warm_up_size": warm_up_size}
    parameters |= {"points.stride": "8", "silent_topic_s": "0.0"}
    # Otherwise a busy machine loses frames in the transport, which is not the subject of the demo.
    parameters[f"qos_overrides.{topics.IMAGE}.subscription.reliability"] = "reliable"
    arguments = ["prv2_ros.node", "--ros-args"]
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={value}"]
    return arguments


def play(
    bag: Path,
    out: Path,
    *,
    weights: str = "prv2s",
    device: str = "auto",
    rate: float | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, int], None] = lambda played, total, out: None,
) -> PlayResult:
    """Start a node, play `bag` to it and record into `out`/demo.mcap.

    Args:
        bag: recording with the demo's topics.
        out: folder for demo.mcap, metadata.yaml, node.log and bridge.log.
        weights, device: as for the node.
        rate: None sends the next frame when the depth of the previous one has arrived; a number plays at the
            recording's own pace times this number.
        limit: play only so many frames.
        progress: called with (frames played, frames in all, depths received).

    Raises:
        Prv2Error: ROS is missing, or the node does not start; the message contains the end of its log.
    """
    require_ros()
    frames = read_frames(bag, limit)
    out.mkdir(parents=True, exist_ok=True)
    environment = ros_environment()
    node_log, bridge_log = out / "node.log", out / "bridge.log"
    scratch = out / ".recording"
    shutil.rmtree(scratch, ignore_errors=True)
    with node_log.open("w") as node_file, bridge_log.open("w") as bridge_file:
        arguments = node_arguments(weights=weights, device=device, warm_up_size=_frame_size(frames[0]))
        node = start(arguments, environment=environment, log=node_file)
        pipe = None
        try:
            pipe = RosPipe(publish=topics.INPUT, subscribe=topics.OUTPUT, environment=environment, log=bridge_file)
            wanted = [topics.IMAGE, topics.CAMERA_INFO, topics.DEPTH, topics.TIMING]
            broken = partial(_is_broken, node, node_log)
            if not pipe.wait_matched(wanted, timeout_s=START_S, give_up=broken):
                raise Prv2Error(_why_not_started(node, pipe, node_log, bridge_log))
            time.sleep(_CONNECT_S)
            with BagWriter(scratch / "demo") as writer:
                result = _Player(pipe, writer, frames, node, progress).run(rate)
            result.counts = dict(writer.counts)
        finally:
            end(node)
            if pipe is not None:
                pipe.close()
    for file in (scratch / "demo").iterdir():
        file.replace(out / file.name)
    shutil.rmtree(scratch)
    return result


def _frame_size(frame: DemoFrame) -> str:
    if frame.camera_info is None:
        return "1920x1080"
    info = typestore().deserialize_cdr(frame.camera_info, topics.INPUT[topics.CAMERA_INFO])
    return f"{info.width}x{info.height}"


def _is_broken(node: Any, log: Path) -> bool:
    """Whether the node has ended, or logs that a transition failed (it then keeps running, for an operator)."""
    return node.poll() is not None or " failed: " in log.read_text(errors="replace")


def _why_not_started(node: Any, pipe: RosPipe, node_log: Path, bridge_log: Path) -> str:
    what, log = f"the node did not subscribe within {START_S:.0f} s", node_log
    failure = [line for line in node_log.read_text(errors="replace").splitlines() if " failed: " in line]
    if failure:
        return f"the node cannot start: {failure[0].split(']: ')[-1]}"
    if node.poll() is not None:
        what = f"the node ended with status {node.returncode}"
    elif pipe.process.poll() is not None:
        what, log = f"the ROS bridge ended with status {pipe.process.returncode}", bridge_log
    return f"{what}; the end of {log}:\n{last_lines(log)}"


class _Player:
    """The loop of one run: publish, wait, record."""

    def __init__(self, pipe: RosPipe, writer: BagWriter, frames: list[DemoFrame], node: Any, progress: Callable):
        self._pipe, self._writer, self._frames, self._node = pipe, writer, frames, node
        self._progress = progress
        self._result = PlayResult()
        self._answered: set[int] = set()
        for topic, kind in {**topics.INPUT, **topics.OUTPUT}.items():
            if kind in typestore().fielddefs:
                writer.add_topic(topic, kind)

    def run(self, rate: float | None) -> PlayResult:
        began = time.monotonic()
        for frame in self._frames:
            if rate is not None:
                self._record(began + (frame.time_ns - self._frames[0].time_ns) / 1e9 / rate)
            self._send(frame)
            if rate is None:
                self._record(time.monotonic() + FRAME_S, frame.stamp)
            if self._node.poll() is not None:
                break
        self._record(time.monotonic() + FRAME_S, self._frames[-1].stamp)
        self._result.wall_s = time.monotonic() - began
        self._record(time.monotonic() + _SETTLE_S)  # the last diagnostics
        return self._result

    def _send(self, frame: DemoFrame) -> None:
        now_ns = time.time_ns()
        if frame.camera_info is not None:
            self._pipe.publish(topics.CAMERA_INFO, frame.camera_info)
            self._writer.write(topics.CAMERA_INFO, topics.INPUT[topics.CAMERA_INFO], now_ns, frame.camera_info)
        self._pipe.publish(topics.IMAGE, frame.image)
        self._writer.write(topics.IMAGE, topics.INPUT[topics.IMAGE], now_ns + 1, frame.image)
        self._result.played += 1

    def _record(self, until_s: float, answer: int | None = None) -> None:
        """Record until this time, or until the frame with the stamp `answer` is complete."""
        while time.monotonic() < until_s and answer not in self._answered and self._node.poll() is None:
            try:
                arrival = self._pipe.arrivals.get(timeout=0.05)
            except queue.Empty:
                continue
            kind = topics.OUTPUT[arrival.topic]
            self._writer.write(arrival.topic, kind, arrival.time_ns, arrival.data)
            if kind == TIMING_TYPE:
                # The node publishes it as the last message of a frame.
                timing = typestore().deserialize_cdr(arrival.data, kind)
                self._result.timings.append(timing)
                self._result.dropped = max(self._result.dropped, int(timing.frames_dropped))
                self._answered.add(stamp_ns(timing))
            self._progress(self._result.played, len(self._frames), len(self._answered))
