# SPDX-License-Identifier: Apache-2.0
"""What others do with the node's topics: pair picture, depth and camera_info, decode, and read Autoware's names."""

import time
from collections import OrderedDict

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.qos import ReliabilityPolicy
from ros_harness import Stream, camera_info, cloud_array, depth_array, image_message, ns, rgb_image, wait_until
from sensor_msgs.msg import Image

from prv2_ros.bags.messages import decompress_depth

QUEUE = 10  # depth_image_proc's and rtabmap's default


@pytest.fixture(scope="module")
def node(start_node):
    return start_node(parameters={"points.stride": 1, "points.max_range": 1000.0, "max_range": 1000.0})


@pytest.fixture(scope="module")
def out(node):
    return node.outputs("depth", "info", "picture", "picture_info", "depth_png", "preview", "preview_jpeg", "points")


class ExactTime:
    """As message_filters' ExactTime policy: sets of one stamp, of which so many may be incomplete at a time."""

    def __init__(self, count, queue=QUEUE):
        self._count, self._queue, self._waiting = count, queue, OrderedDict()
        self.sets = []

    def add(self, index, message):
        parts = self._waiting.setdefault(ns(message.header.stamp), {})
        parts[index] = message
        if len(parts) == self._count:
            self.sets.append([parts[index] for index in range(self._count)])
            # What is older can only be completed by what is late.
            for stamp in [stamp for stamp in self._waiting if stamp <= ns(message.header.stamp)]:
                del self._waiting[stamp]
        while len(self._waiting) > self._queue:
            self._waiting.popitem(last=False)


def _paired(node, topics, count):
    sync = ExactTime(len(topics))
    subscriptions = [
        node.probe.node.create_subscription(kind, topic, lambda message, i=i: sync.add(i, message), 5)
        for i, (kind, topic) in enumerate(topics)
    ]
    depth = node.outputs("depth", prime=False)["depth"]
    with Stream(node, 1 / 30):
        depth.wait(count, 60)
    for subscription in subscriptions:
        node.probe.node.destroy_subscription(subscription)
    node.probe.forget(depth)
    return sync.sets, depth


def test_depth_image_proc_and_rtabmap_pair_our_picture_and_not_the_cameras(start_node):
    """Images at 30 Hz, 0.5 s a frame: the camera's own picture has left a queue of 10 when its depth comes."""
    node = start_node(parameters={"weights": "stub:delay_ms=500"})
    ours = [(Image, node.topic("rgb/image_rect")), (Image, node.topic("depth/image_rect"))]
    sets, depth = _paired(node, ours, 5)
    # The first picture may come before the subscription is known.
    assert len(sets) >= len(depth) - 1
    picture, depth_image = sets[-1]
    # What PointCloudXyzrgbNode and rgbd_sync check before they use a pair.
    assert (picture.width, picture.height) == (depth_image.width, depth_image.height)
    assert picture.header == depth_image.header and picture.encoding == "rgb8" and depth_image.encoding == "32FC1"
    own = [(Image, node.topic("image")), (Image, node.topic("depth/image_rect"))]
    sets, depth = _paired(node, own, 4)
    assert len(sets) <= 1 < len(depth)


def test_picture_depth_and_info_make_the_cloud(node, out):
    """What depth_image_proc/point_cloud_xyzrgb computes from three of the topics is what the fourth says."""
    info = camera_info(fx=50.0, fy=60.0, d=[-0.2, 0.05, 0, 0, 0])
    for size in ("input", "half"):
        node.must_set(output_size=size)
        stamp = node.send(image_message(rgb_image(50, blue=9)), info=info)
        depth, picture, own, cloud, beside = (
            out[name].of_stamp(stamp) for name in ("depth", "picture", "info", "points", "picture_info")
        )
        assert own == beside
        assert (picture.width, picture.height, picture.step) == (depth.width, depth.height, 3 * depth.width)
        (endpoint,) = node.probe.node.get_publishers_info_by_topic(node.topic("rgb/image_rect"))
        assert endpoint.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        z = depth_array(depth)
        fx, _, cx, _, fy, cy = own.k[:6]
        v, u = np.mgrid[: depth.height, : depth.width]
        points = np.stack([(u - cx) * z / fx, (v - cy) * z / fy, z], axis=-1)
        points[~np.isfinite(z)] = np.nan
        np.testing.assert_allclose(cloud_array(cloud)[..., :3], points, rtol=1e-5, atol=1e-5)
        rgb = np.frombuffer(picture.data, np.uint8).reshape(depth.height, depth.width, 3).astype(np.uint32)
        np.testing.assert_array_equal(
            cloud_array(cloud).view(np.uint32)[..., 3], rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
        )
    node.must_set(output_size="input")


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_depth_for_narrow_links_is_the_depth(node, out, encoding):
    node.must_set(depth_encoding=encoding)
    rgb = rgb_image(50)
    rgb[0, :3] = [(0, 0, 0), (0, 255, 255), (0, 3, 0)]  # no depth, sky, 76.8 m
    stamp = node.send(image_message(rgb), info=camera_info())
    depth, packed = depth_array(out["depth"].of_stamp(stamp)), out["depth_png"].of_stamp(stamp)
    node.must_set(depth_encoding="32FC1")
    assert packed.format == f"{encoding}; compressedDepth png"
    back = decompress_depth(bytes(packed.data), packed.format)
    expected = depth / 1000 if encoding == "16UC1" else depth
    known = np.isfinite(expected) & (expected > 0)
    assert np.isnan(back[~known]).all() and known.mean() > 0.9
    # 32FC1: half a step of the code, z² / (65535 nearest).
    step = expected[known] ** 2 / (65535 * expected[known].min()) if encoding == "32FC1" else 1e-6
    assert (np.abs(back[known] - expected[known]) <= 0.6 * step + 1e-6).all()


def test_the_preview_as_jpeg_is_the_preview(node, out):
    stamp = node.send(image_message(rgb_image(50)), info=camera_info())
    plain, packed = out["preview"].of_stamp(stamp), out["preview_jpeg"].of_stamp(stamp)
    assert "jpeg" in packed.format
    picture = cv2.imdecode(np.frombuffer(packed.data, np.uint8), cv2.IMREAD_COLOR)
    expected = np.frombuffer(plain.data, np.uint8).reshape(48, 64, 3)
    assert np.abs(picture.astype(int) - expected).mean() < 12


def test_points_for_autoware(node, out):
    node.must_set(points__layout="xyzirc")
    rgb = np.full((48, 64, 3), (60, 0, 0), np.uint8)
    cloud = out["points"].of_stamp(node.send(image_message(rgb), info=camera_info()))
    node.must_set(points__layout="xyzrgb")
    dtype = np.dtype(
        [("x", "f4"), ("y", "f4"), ("z", "f4"), ("intensity", "u1"), ("return_type", "u1"), ("channel", "u2")]
    )
    assert [(f.name, f.offset, f.datatype) for f in cloud.fields] == [
        ("x", 0, 7),
        ("y", 4, 7),
        ("z", 8, 7),
        ("intensity", 12, 2),
        ("return_type", 13, 2),
        ("channel", 14, 4),
    ]
    points = np.frombuffer(cloud.data, dtype).reshape(cloud.height, cloud.width)
    np.testing.assert_allclose(points["z"], 6.0, rtol=1e-6)
    assert (points["intensity"] == 60 * 77 // 256).all() and (points["return_type"] == 1).all()
    assert (points["channel"] == np.arange(48)[:, None]).all()


def test_diagnostics_and_times_have_autowares_names(start_node):
    node = start_node(parameters={"diagnostics.max_allowed_processing_time_ms": 0.001})
    out = node.outputs("timing", "processing_time", prime=False)
    collector = node.diagnostics()
    with Stream(node, 0.1):
        out["timing"].wait(3)
        out["processing_time"].wait(3)
        level, text, keys = wait_until(
            lambda: [s["processing_time_status"] for s in list(collector) if s["processing_time_status"][0]]
        )[-1]
    assert level == 1 and "above" in text
    assert set(keys) == {
        "is_processing_time_ms_in_expected_range",
        "processing_time_ms",
        "is_consecutive_processing_delay_in_range",
        "consecutive_processing_delay_ms",
    }
    assert keys["is_processing_time_ms_in_expected_range"] == "False"
    assert keys["is_consecutive_processing_delay_in_range"] == "True"
    assert 0 < out["processing_time"][-1].data < 1000


def test_a_picture_alone_runs_no_network_and_what_nobody_takes_is_let_go(start_node):
    node = start_node(parameters={"weights": "stub:fail_every=1"})
    out = node.outputs("picture", "picture_info")
    assert "fails on purpose" not in node.log
    for collector in out.values():
        node.probe.forget(collector)
    collector = node.diagnostics()
    topic = node.topic("image")
    with Stream(node, 0.05):
        wait_until(lambda: collector and collector[-1]["camera"][2]["resting"] == "True", 30)
        wait_until(lambda: node.probe.node.count_subscribers(topic) == 0)
        collector.clear()
        assert collector.wait(2)["camera"][0] == 0, "at rest all is well"
        again = node.outputs("picture", prime=False)["picture"]
        start = time.monotonic()
        again.wait(2)
        assert time.monotonic() - start < 5


def test_two_cameras_of_one_frame_each_have_their_own_focal_length(start_node):
    node = start_node(parameters={"cameras": ["tele", "wide"], "points.stride": 1})
    focal = {"tele": 100.0, "wide": 25.0}
    out = {}

    def send(camera):
        return node.send(
            image_message(rgb_image(50), frame_id="shared_optical"),
            f"{camera}/image",
            camera_info(fx=focal[camera], frame_id="shared_optical"),
            f"{camera}/camera_info",
        )

    for camera in focal:
        out[camera] = node.outputs("depth", "info", camera=camera, prime=lambda camera=camera: send(camera))
    stamps = {camera: send(camera) for camera in focal}
    for camera, stamp in stamps.items():
        assert out[camera]["info"].of_stamp(stamp).k[0] == focal[camera]
        # 50 px of 64 columns are the stub's canonical focal length.
        expected = (rgb_image(50)[..., 0] / 10) * focal[camera] / 50
        np.testing.assert_allclose(depth_array(out[camera]["depth"].of_stamp(stamp)), expected, rtol=1e-5)
