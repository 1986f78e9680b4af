# SPDX-License-Identifier: Apache-2.0
"""Small parts without ROS traffic: rates, counts, transport loss, levels, and the message buffer."""

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="needs ROS 2")

from std_msgs.msg import Header

from prv2_ros.node.depth_message import Buffer, depth_message
from prv2_ros.node.diagnostics import ERROR, OK, WARN, delay_findings, worst
from prv2_ros.node.image_watch import TransportLoss
from prv2_ros.node.statistics import RateMeter, Statistics

S = 1_000_000_000


def test_rate_of_a_steady_stream_and_of_one_that_stops():
    meter = RateMeter(window_s=5.0)
    for index in range(100):
        meter.tick(index * S // 10)
    assert meter.rate_hz(99 * S // 10) == pytest.approx(10.0)
    assert 4 < meter.rate_hz(99 * S // 10 + 2 * S) < 7
    assert meter.rate_hz(99 * S // 10 + 6 * S) == 0.0


def test_rate_starts_anew_when_the_clock_is_set_back():
    meter = RateMeter()
    for now in (100 * S, 101 * S, 5 * S, 6 * S):
        meter.tick(now)
    assert meter.rate_hz(6 * S) == pytest.approx(1.0)
    assert meter.rate_hz(0) == 0.0


class Log(list):
    def warning(self, text):
        self.append(("warning", text))

    def error(self, text):
        self.append(("error", text))


def test_a_flood_of_one_event_is_counted_in_full_and_logged_once():
    log = Log()
    statistics = Statistics(log)
    for _ in range(1000):
        statistics.note("step", "step\0 too small")
    statistics.note("failed", "x", severity="error")
    assert statistics.events == {"step": 1000, "failed": 1}
    assert [severity for severity, _ in log] == ["warning", "error"] and "\0" not in log[0][1]


def test_gaps_in_sequence_numbers_are_lost_messages_of_that_publisher():
    loss = TransportLoss()
    infos = [("a", 5), ("b", 1), ("a", 6), ("a", 9), ("b", 2), ("a", 1), ("a", 2), ("b", None), ("b", 4)]
    lost = [loss.before({"publication_sequence_number": n, "publisher_gid": {"data": p.encode()}}) for p, n in infos]
    assert lost == [0, 0, 0, 2, 0, 0, 0, 0, 1]
    assert loss.before({}) == 0


@pytest.mark.parametrize(
    "processing,since,level", [(100, 0, OK), (100, 9999, OK), (101, 0, WARN), (101, 1000, WARN), (101, 1001, ERROR)]
)
def test_levels_of_a_delay(processing, since, level):
    assert worst(delay_findings(processing, since, max_allowed_ms=100, max_delay_ms=1000))[0] == level


def test_the_worst_finding_gives_the_level_and_its_texts():
    assert worst([]) == (OK, "ok")
    assert worst([(WARN, "a"), (ERROR, "b"), (WARN, "c"), (ERROR, "d")]) == (ERROR, "b; d")


def test_the_buffer_is_kept_and_of_exact_size():
    buffer = Buffer()
    first = depth_message(Header(), torch.full((4, 6), 1.5), "32FC1", buffer).data
    again = depth_message(Header(), torch.full((4, 6), 2.5), "32FC1", buffer)
    # The message carries the buffer itself: at 4K a copy would cost more than all the rest.
    assert again.data is first is buffer.data
    assert np.frombuffer(again.data, np.float32).tolist() == [2.5] * 24
    assert len(depth_message(Header(), torch.ones(2, 2), "16UC1", buffer).data) == 8


def test_millimetres_at_the_limits():
    depth = torch.tensor([[0.0004, 0.0006, 65.535, 65.5356, float("inf"), float("-inf"), float("nan"), 1.0006]])
    message = depth_message(Header(), depth, "16UC1", Buffer())
    assert np.frombuffer(message.data, np.uint16).tolist() == [0, 1, 65535, 0, 0, 0, 0, 1001]
