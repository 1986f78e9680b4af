# SPDX-License-Identifier: Apache-2.0
"""`coarse: topic`: measured depth is paired with images by stamp; what has no partner is counted and not published."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import camera_info, depth_array, image_message, rgb_image, wait_until
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from prv2_ros.node.coarse_topic import CoarseTopic
from prv2_ros.node.statistics import Statistics

SECOND = 10**9


class Logger:
    def __init__(self):
        self.lines = []

    def warning(self, text):
        self.lines.append(text)


def _header(stamp_ns, frame="camera"):
    header = Header(frame_id=frame)
    header.stamp.sec, header.stamp.nanosec = stamp_ns // SECOND, stamp_ns % SECOND
    return header


def _depth(depth, stamp_ns, frame="camera", encoding="32FC1"):
    depth = np.ascontiguousarray(depth, {"32FC1": "<f4", "16UC1": "<u2"}[encoding])
    message = Image(header=_header(stamp_ns, frame), encoding=encoding, width=depth.shape[1], height=depth.shape[0])
    message.step, message.data = depth.strides[0], depth.tobytes()
    return message


@pytest.fixture
def topic():
    logger, arrived = Logger(), []
    node = SimpleNamespace(get_publishers_info_by_topic=lambda name: [])
    statistics = Statistics(logger)
    topic = CoarseTopic(node, "/depth", statistics=statistics, on_depth=arrived.append, on_incompatible=lambda *_: None)
    topic.logger, topic.statistics, topic.arrived = logger, statistics, arrived
    return topic


def test_the_nearest_stamp_within_the_limit_is_the_partner(topic):
    for index in range(5):
        topic.receive(_depth(np.full((24, 32), 1.0 + index), (10 + index) * SECOND // 10))
    found = topic.partner(_header(int(1.24 * SECOND)), 0.05)
    assert found.depth_m[0, 0] == 3.0 and topic.age_ms == pytest.approx(40) and topic.holes == 0.0
    assert topic.partner(_header(int(1.47 * SECOND)), 0.05) is None
    assert topic.statistics.unpaired == 1 and topic.statistics.events == {"coarse_stale": 1}
    assert "0.070 s older, coarse_max_age_s is 0.05" in topic.logger.lines[-1]
    assert topic.partner(_header(int(1.47 * SECOND)), 0.08).depth_m[0, 0] == 5.0
    assert topic.partner(_header(int(0.9 * SECOND)), 0.05) is None and "0.100 s newer" in topic.statistics.last_problem


def test_millimetres_and_holes(topic):
    depth = np.full((24, 32), 2500)
    depth[:6] = 0
    topic.receive(_depth(depth, SECOND, encoding="16UC1"))
    found = topic.partner(_header(SECOND), 0.1)
    assert found.depth_m[10, 10] == 2.5 and np.isnan(found.depth_m[0, 0]) and topic.holes == 0.25


def test_nothing_came_or_of_another_frame(topic):
    assert topic.partner(_header(SECOND), 0.1) is None
    topic.receive(_depth(np.ones((24, 32)), SECOND, frame="depth_sensor"))
    assert topic.partner(_header(SECOND), 0.1) is None
    assert topic.statistics.events == {"coarse_missing": 1, "coarse_frame": 1}
    assert topic.statistics.unpaired == 2 and "'depth_sensor'" in topic.logger.lines[-1]
    topic.receive(_depth(np.ones((24, 32)), SECOND, frame=""))
    assert topic.partner(_header(SECOND), 0.1) is not None


def test_damaged_depth_is_counted_and_never_a_partner(topic):
    good = np.ones((24, 32))
    short = _depth(good, SECOND)
    short.data = short.data[:-7]
    narrow = _depth(good, SECOND)
    narrow.step = 4
    colour = _depth(good, SECOND)
    colour.encoding = "rgb8"
    empty = Image(header=_header(SECOND), encoding="32FC1")
    for message in (short, narrow, colour, empty, _depth(np.ones((2, 3)), SECOND),
                    _depth(np.zeros((24, 32)), SECOND), _depth(np.full((24, 32), np.inf), SECOND)):  # fmt: skip
        topic.receive(message)
    assert topic.statistics.events == {
        "coarse_data_size": 1, "coarse_step": 1, "coarse_encoding": 1, "coarse_zero_size": 1, "coarse_size": 1,
        "coarse_empty": 2,
    }  # fmt: skip
    assert not topic.arrived and topic.partner(_header(SECOND), 0.1) is None


def test_an_image_waits_for_depth_only_while_depth_comes(topic, monkeypatch):
    now = 100.0
    monkeypatch.setattr("prv2_ros.node.coarse_topic.time.monotonic", lambda: now)
    assert topic.wait_s(SECOND, 0.3) == 0.0
    topic.receive(_depth(np.ones((24, 32)), SECOND))
    assert topic.wait_s(SECOND, 0.3) == 0.0 and topic.arrived == [SECOND]
    assert [topic.wait_s(SECOND + 1, age_s) for age_s in (0.0, 0.3, 60.0)] == [0.1, 0.3, 1.0]
    now = 102.0
    assert topic.wait_s(SECOND + 1, 0.3) == 0.0


def test_of_depth_at_a_rate_the_nearest_is_waited_for(topic):
    for number in range(3):
        topic.receive(_depth(np.ones((24, 32)), SECOND + number * SECOND // 10))
    assert topic.arrived == pytest.approx([SECOND, 1.15 * SECOND, 1.25 * SECOND])
    assert topic.wait_s(int(1.24 * SECOND), 0.2) == 0.0 and topic.wait_s(int(1.26 * SECOND), 0.2) == 0.2


def test_a_recording_that_begins_again_is_followed(topic):
    topic.receive(_depth(np.ones((24, 32)), 9 * SECOND))
    topic.receive(_depth(np.full((24, 32), 2.0), SECOND))
    assert topic.partner(_header(9 * SECOND), 0.1) is None
    assert topic.partner(_header(SECOND), 0.1).depth_m[0, 0] == 2.0


@pytest.fixture(scope="module")
def node(start_node):
    return start_node(parameters={"coarse": "topic", "coarse_max_age_s": 0.05})


def _pair(node, depth, *, info=None, shift_s=0.0):
    """Send depth and an image of the same stamp, or of one that is `shift_s` away."""
    picture = image_message(rgb_image())
    frame, stamp = picture.header.frame_id, node.probe.now_ns()
    node.publisher(Image, "coarse_depth").publish(_depth(depth, stamp + int(shift_s * SECOND), frame))
    picture.header = _header(stamp, frame)
    return node.send(picture, info=info)


def test_without_camera_info_measured_depth_is_metric_all_the_same(node):
    out, statuses = node.outputs("depth", prime=False), node.diagnostics()
    wait_until(lambda: _pair(node, np.full((24, 32), 3.25)) and list(out["depth"]), period_s=0.3)
    assert np.allclose(depth_array(out["depth"][0]), 3.25)
    assert "there is no point cloud" in node.wait_line("no_camera_info")
    level, text, _ = wait_until(
        lambda: [s["camera"] for s in list(statuses) if s["camera"][2]["calibrated"] == "False"]
    )[-1]
    assert level == 1 and "no usable calibration: there is no point cloud" in text
    assert "not metric" not in node.log + text


def test_over_dds_depth_of_its_stamp_is_published_and_nothing_without(node):
    out = node.outputs("depth", prime=False)

    def published():
        _pair(node, np.full((24, 32), 3.25), info=camera_info())
        return list(out["depth"])

    assert np.allclose(depth_array(wait_until(published, period_s=0.3)[0]), 3.25)
    time.sleep(1.0)  # what is under way arrives
    before = len(out["depth"])
    lone = _pair(node, np.full((24, 32), 4.0), info=camera_info(), shift_s=-2.0)
    statuses = node.diagnostics()
    wait_until(lambda: int(statuses.wait()["camera"][2]["without_partner"]) > 0)
    assert len(out["depth"]) == before
    assert lone not in {m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in list(out["depth"])}
    values = statuses[-1]["camera"][2]
    assert values["coarse_topic"] == node.topic("coarse_depth") and float(values["coarse_holes_share"]) == 0.0
    node.wait_line("nothing is published for it")
