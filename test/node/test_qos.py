# SPDX-License-Identifier: Apache-2.0
"""Quality of service: overrides, mismatches that are told, and silence that is explained."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.qos import ReliabilityPolicy
from ros_harness import SENSOR, TRANSIENT, image_message, rgb_image, wait_until
from sensor_msgs.msg import CompressedImage, Image

REMAPS = {"image": "/somewhere/image_raw", "depth/image_rect": "/somewhere/depth"}


@pytest.fixture(scope="module")
def node(start_node):
    return start_node(
        remaps=REMAPS,
        parameters={
            "silent_topic_s": 1.0,
            "qos_overrides./somewhere/image_raw.subscription.reliability": "reliable",
            "qos_overrides./somewhere/depth.publisher.depth": 7,
            "qos_overrides./somewhere/depth.publisher.reliability": "best_effort",
        },
    )


def test_overrides_by_resolved_topic_take_effect(node):
    (image,) = wait_until(lambda: node.probe.node.get_subscriptions_info_by_topic("/somewhere/image_raw"))
    assert image.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    (depth,) = wait_until(lambda: node.probe.node.get_publishers_info_by_topic("/somewhere/depth"))
    assert depth.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert node.get("qos_overrides./somewhere/depth.publisher.depth") == [7]


def test_every_image_cloud_and_info_endpoint_can_be_overridden(node):
    names = node.list_parameters()
    for topic, kind in {
        "/somewhere/image_raw": "subscription",
        "/somewhere/camera_info": "subscription",
        "/somewhere/depth": "publisher",
        node.topic("depth/camera_info"): "publisher",
        node.topic("points"): "publisher",
        node.topic("depth/image_color"): "publisher",
        node.topic("timing"): "publisher",
    }.items():
        for policy in ("history", "depth", "reliability"):
            assert f"qos_overrides.{topic}.{kind}.{policy}" in names


def test_a_publisher_that_offers_less_is_told_and_silence_names_it(node):
    publisher = node.probe.node.create_publisher(Image, "/somewhere/image_raw", SENSOR)
    line = node.wait_line("a publisher of '/somewhere/image_raw'")
    assert "RELIABILITY" in line and "incompatible_qos" in line
    # The warning came before that publisher, or names it: an image that arrives starts a new silence.
    good = node.probe.node.create_publisher(Image, "/somewhere/image_raw", 5)
    wait_until(lambda: good.get_subscription_count())
    collector = node.diagnostics()
    before = int(collector.wait()["camera"][2]["received"])

    def arrived():
        good.publish(image_message(rgb_image()))
        return int(collector[-1]["camera"][2]["received"]) > before

    wait_until(arrived, period_s=0.1)
    line = node.wait_line("no image on '/somewhere/image_raw'.*probe_.*best_effort")
    assert "this node takes sensor_msgs/msg/Image, reliable, volatile" in line and "reliable" in line
    assert wait_until(lambda: collector[-1]["camera"][0] == 1 and "no image on" in collector[-1]["camera"][1])
    node.probe.node.destroy_publisher(publisher)
    node.probe.node.destroy_publisher(good)


def test_a_subscriber_that_asks_for_more_is_told(node):
    collector = node.probe.collect(Image, node.topic("depth/image_color"), TRANSIENT)
    line = node.wait_line("a subscriber of 'depth/image_color'")
    assert "DURABILITY" in line
    node.probe.forget(collector)


def test_silence_names_who_comes_after_the_first_warning(ros, start_node):
    node = start_node(parameters={"silent_topic_s": 0.5}, remaps={"image": "/late/image"})
    node.wait_line("no image on '/late/image' .*published by: nobody")
    publisher = ros.node.create_publisher(CompressedImage, "/late/image", 1)
    node.wait_line("no image on '/late/image' .*published by: .*sensor_msgs/msg/CompressedImage")
    ros.node.destroy_publisher(publisher)


def test_silence_with_the_wrong_type_names_the_type(ros, start_node):
    publisher = ros.node.create_publisher(CompressedImage, "/wrong/image", 1)
    node = start_node(parameters={"silent_topic_s": 1.0}, remaps={"image": "/wrong/image"})
    # At first nobody may have been discovered; who comes later is named as well.
    node.wait_line("no image on '/wrong/image' .*published by: .*sensor_msgs/msg/CompressedImage")
    node.probe.node.destroy_publisher(publisher)
