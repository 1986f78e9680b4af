# SPDX-License-Identifier: Apache-2.0
"""The contract of the node, held against a real process over real DDS: topics, QoS, headers, values, camera_info."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.qos import ReliabilityPolicy
from ros_harness import OUTPUTS, camera_info, cloud_array, depth_array, image_message, rgb_image, wait_until
from sensor_msgs.msg import CompressedImage, PointField
from stub_engine import CANONICAL_FOCAL_PX, stub_depth


@pytest.fixture(scope="module")
def node(start_node):
    values = {"min_range": 2.0, "max_range": 100.0, "points.stride": 1, "points.max_range": 1000.0}
    return start_node(parameters=values)


@pytest.fixture(scope="module")
def out(node):
    return node.outputs("depth", "info", "points", "preview", "timing")


@pytest.fixture
def metric_off(node):
    """Depth as the stub writes it: no focal scale, no far limit in the way."""
    node.must_set(scale_depth_by_focal=False, max_range=10000.0)
    yield
    node.must_set(scale_depth_by_focal=True, max_range=100.0)


def test_every_topic_has_its_type_and_quality_of_service(node, out):
    for name, (message_type, topic) in OUTPUTS.items():
        (info,) = wait_until(lambda topic=topic: node.probe.node.get_publishers_info_by_topic(node.topic(topic)))
        package, kind = message_type.__module__.split(".")[0], message_type.__name__
        assert info.topic_type == f"{package}/msg/{kind}", name
        assert info.qos_profile.reliability == ReliabilityPolicy.RELIABLE, name
    for topic in ("image", "camera_info"):
        (info,) = wait_until(lambda topic=topic: node.probe.node.get_subscriptions_info_by_topic(node.topic(topic)))
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert wait_until(lambda: node.probe.node.get_publishers_info_by_topic("/diagnostics"))


def test_depth_info_points_and_timing_of_one_image(node, out):
    rgb = rgb_image(50, blue=7)
    rgb[0, :3] = [(0, 0, 0), (10, 0, 0), (0, 255, 255)]  # no depth, 1 m (too near), sky
    info = camera_info(fx=50.0, fy=60.0)
    stamp = node.send(image_message(rgb), info=info)

    depth = out["depth"].of_stamp(stamp)
    assert (depth.header.frame_id, depth.encoding) == ("camera_optical", "32FC1")
    assert (depth.width, depth.height, depth.step, depth.is_bigendian) == (64, 48, 256, 0)
    expected = stub_depth(rgb, (50.0, 60.0))
    scale = np.sqrt(50 * 512 / 64 * 60 * 384 / 48) / CANONICAL_FOCAL_PX
    assert expected[5, 0] == pytest.approx(5.0 * scale)
    values = depth_array(depth)
    assert np.isnan(values[0, 0]) and values[0, 1] == -np.inf and values[0, 2] == np.inf
    np.testing.assert_array_equal(values[1:], expected[1:])

    depth_info = out["info"].of_stamp(stamp)
    assert depth_info.header == depth.header
    assert (depth_info.width, depth_info.height) == (64, 48)
    np.testing.assert_allclose(depth_info.k, info.k)
    np.testing.assert_allclose(depth_info.p, info.p)

    cloud = out["points"].of_stamp(stamp)
    assert cloud.header == depth.header
    assert (cloud.width, cloud.height, cloud.point_step, cloud.row_step, cloud.is_dense) == (64, 48, 16, 1024, False)
    assert [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields] == [
        (name, 4 * index, PointField.FLOAT32, 1) for index, name in enumerate(("x", "y", "z", "rgb"))
    ]
    points = cloud_array(cloud)
    assert np.isnan(points[0, :3, :3]).all()
    z = expected[20, 30]
    np.testing.assert_allclose(points[20, 30, :3], [z * (30 - 32) / 50, z * (20 - 24) / 60, z], rtol=1e-6)
    assert points.view(np.uint32)[20, 30, 3] == (80 << 16 | 0 << 8 | 7)

    preview = out["preview"].of_stamp(stamp)
    assert (preview.encoding, preview.width, preview.height, preview.step) == ("bgr8", 64, 48, 192)
    colours = np.frombuffer(preview.data, np.uint8).reshape(48, 64, 3)
    assert not colours[0, 0].any() and colours[0, 1].any() and (colours[5, 0] != colours[5, 63]).any()

    timing = out["timing"].of_stamp(stamp)
    assert timing.header == depth.header
    assert (timing.input_width, timing.input_height, timing.output_width, timing.output_height) == (64, 48, 64, 48)
    assert timing.device == "cpu" and timing.precision == "fp32" and timing.weights.startswith("stub")
    stages = [timing.queue_wait_ms, timing.convert_ms, timing.tiles_ms, timing.download_ms, timing.publish_ms]
    assert all(value >= 0 for value in stages) and 0 < sum(stages) <= timing.total_ms + 0.1
    assert 0 < timing.frame_age_ms < 20000 and timing.frames_in >= 1 and timing.tiles_refined == 16


def test_sixteen_bit_depth_is_millimetres_with_zero_for_no_depth(node, out, metric_off):
    rgb = rgb_image(50)
    rgb[0, :4] = [(0, 0, 0), (10, 0, 0), (0, 255, 255), (0, 3, 0)]  # none, too near, sky, 76.8 m
    node.must_set(depth_encoding="16UC1")
    depth = out["depth"].of_stamp(node.send(image_message(rgb), info=camera_info()))
    node.must_set(depth_encoding="32FC1")
    assert (depth.encoding, depth.step) == ("16UC1", 128)
    values = depth_array(depth)
    assert values[0, :4].tolist() == [0, 0, 0, 0]
    assert values[1].tolist() == [round(100 * (50 + column)) for column in range(64)]


def _mosaic(rgb: np.ndarray, pattern: str) -> bytes:
    raw = np.zeros(rgb.shape[:2], np.uint8)
    for index, colour in enumerate(pattern.upper()):
        raw[index // 2 :: 2, index % 2 :: 2] = rgb[index // 2 :: 2, index % 2 :: 2, "RGB".index(colour)]
    return raw.tobytes()


def _nv12(rgb: np.ndarray) -> bytes:
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    height = rgb.shape[0]
    chroma = i420[height:].reshape(2, -1)
    return i420[:height].tobytes() + np.stack([chroma[0], chroma[1]], axis=-1).tobytes()


GRAY = np.full((48, 64, 3), 90, np.uint8)
FLAT = np.broadcast_to(np.array([60, 1, 30], np.uint8), (48, 64, 3))
ENCODED = {
    "rgb8": (FLAT, FLAT.tobytes(), 0),
    "bgr8": (FLAT, FLAT[..., ::-1].tobytes(), 0),
    "rgba8": (FLAT, np.dstack([FLAT, GRAY[..., 0]]).tobytes(), 0),
    "bgra8": (FLAT, np.dstack([FLAT[..., ::-1], GRAY[..., 0]]).tobytes(), 0),
    "mono8": (GRAY, GRAY[..., 0].tobytes(), 0),
    "mono16": (GRAY, (GRAY[..., 0].astype("<u2") * 257).tobytes(), 0),
    "mono16 big-endian": (GRAY, (GRAY[..., 0].astype(">u2") * 257).astype(">u2").tobytes(), 0),
    "bayer_rggb8": (FLAT, _mosaic(FLAT, "rggb"), 0),
    "bayer_bggr8": (FLAT, _mosaic(FLAT, "bggr"), 0),
    "bayer_gbrg8": (FLAT, _mosaic(FLAT, "gbrg"), 0),
    "bayer_grbg8": (FLAT, _mosaic(FLAT, "grbg"), 0),
    "yuv422": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_RGB2YUV_UYVY).tobytes(), 2),
    "yuv422_yuy2": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_RGB2YUV_YUY2).tobytes(), 2),
    "yuyv": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_RGB2YUV_YUY2).tobytes(), 2),
    "nv12": (GRAY, _nv12(GRAY), 2),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("padding", [0, 12])
def test_encoding(node, out, metric_off, name, padding):
    rgb, data, tolerance = ENCODED[name]
    encoding = name.split()[0]
    rows = 72 if encoding == "nv12" else 48
    step = len(data) // rows + padding
    padded = b"".join(
        data[row * (step - padding) : (row + 1) * (step - padding)] + b"\xaa" * padding for row in range(rows)
    )
    message = image_message(rgb, encoding=encoding, data=padded, step=step, is_bigendian="big" in name)
    depth = depth_array(out["depth"].of_stamp(node.send(message, info=camera_info())))
    if tolerance:
        seen = depth / 25.7
        assert abs(seen - 90).max() <= tolerance
    else:
        np.testing.assert_array_equal(depth, stub_depth(rgb, None))


@pytest.mark.parametrize("size,expected", [("half", (32, 24)), ("48x12", (48, 12)), ("input", (64, 48))])
def test_output_size_and_the_camera_info_that_fits_it(node, out, metric_off, size, expected):
    node.must_set(output_size=size)
    stamp = node.send(image_message(rgb_image()), info=camera_info(fx=50, fy=60, tx=-5.0))
    depth, info, cloud = (out[name].of_stamp(stamp) for name in ("depth", "info", "points"))
    node.must_set(output_size="input")
    assert (depth.width, depth.height) == (info.width, info.height) == (cloud.width, cloud.height) == expected
    sx, sy = expected[0] / 64, expected[1] / 48
    np.testing.assert_allclose(info.k, [50 * sx, 0, 32 * sx, 0, 60 * sy, 24 * sy, 0, 0, 1])
    np.testing.assert_allclose(info.p, [50 * sx, 0, 32 * sx, -5 * sx, 0, 60 * sy, 24 * sy, 0, 0, 0, 1, 0])
    column, row = expected[0] // 4, expected[1] // 4
    x, y, z = cloud_array(cloud)[row, column, :3]
    # The same point in space whatever the size: column expected/4 is column 16 of the image.
    assert z == pytest.approx(0.1 * (50 + 16))
    assert (x, y) == (pytest.approx(z * (16 - 32) / 50), pytest.approx(z * (12 - 24) / 60))


def test_uncalibrated_camera_gives_depth_without_scale_and_no_points(node, out):
    before = len(out["points"])
    stamp = node.send(image_message(rgb_image()), info=camera_info(fx=0.0))
    np.testing.assert_array_equal(depth_array(out["depth"].of_stamp(stamp)), stub_depth(rgb_image(), None))
    assert out["info"].of_stamp(stamp).k[0] == 0
    out["timing"].of_stamp(stamp)
    assert len(out["points"]) == before
    node.wait_line("not calibrated")


def test_stamps_are_those_of_the_images_also_when_they_go_backwards(node, out):
    message = image_message(rgb_image())
    message.header.stamp.sec, message.header.stamp.nanosec = 17, 999_999_999
    assert node.send(message, info=camera_info()) == 17_999_999_999
    assert out["depth"].of_stamp(17_999_999_999).header.frame_id == "camera_optical"


def test_compressed_transport_and_camera_info_beside_the_remapped_image(start_node):
    node = start_node(parameters={"image_transport": "compressed"}, remaps={"image": "front/image_raw"})
    rgb = np.full((48, 64, 3), (60, 1, 30), np.uint8)

    def send(extension=".png"):
        message = CompressedImage(format=f"rgb8; {extension[1:]} compressed bgr8")
        message.header.frame_id = "camera_optical"
        message.data = cv2.imencode(extension, rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
        return node.send(message, "front/image_raw/compressed", info=camera_info(), info_topic="front/camera_info")

    out = node.outputs("depth", prime=send)
    for extension, tolerance in ((".png", 0), (".jpg", 26)):
        depth = depth_array(out["depth"].of_stamp(send(extension)))
        assert depth.shape == (48, 64)
        assert abs(depth - stub_depth(rgb, (50.0, 50.0))).max() <= tolerance
