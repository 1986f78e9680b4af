# SPDX-License-Identifier: Apache-2.0
"""Hostile messages: none stops the node, each is counted, none leaks; afterwards a good image comes through.

Thousands go straight into the subscription's callback and through the real worker; some hundreds travel over DDS to the
node as a process, measured depth too.
"""

import random
import time
from collections import Counter
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="needs ROS 2")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_harness import camera_info, depth_array, image_message, rgb_image, wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from stub_engine import StubEngine

from prv2_ros.media.encodings import ENCODINGS
from prv2_ros.node.coarse_topic import CoarseTopic
from prv2_ros.node.depth_node import DepthNode
from prv2_ros.node.statistics import Statistics

UINT32 = st.one_of(st.integers(0, 130), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]))
FLOAT = st.one_of(
    st.sampled_from([0.0, -0.0, 50.0, -50.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")]),
    st.floats(-1000, 1000),
)
TEXT = st.one_of(st.sampled_from(["", "camera_optical", "\0", "x" * 3000, "../..", "%s%n"]), st.text(max_size=20))
ENCODING = st.sampled_from([*ENCODINGS, *ENCODINGS, "32FC1", "", "RGB8", "yuv_of_nobody", None]).flatmap(
    lambda name: TEXT if name is None else st.just(name)
)
NOISE = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
PICTURE, JPEG, WEBP, TIFF = (cv2.imencode(kind, NOISE)[1].tobytes() for kind in (".png", ".jpg", ".webp", ".tiff"))
MOSAIC = cv2.imencode(".png", NOISE[..., 0])[1].tobytes()
WIDE = cv2.imencode(".png", NOISE[..., 0].astype(np.uint16) * 9)[1].tobytes()
PROGRESSIVE = cv2.imencode(".jpg", NOISE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
FORMAT = st.one_of(
    TEXT,
    st.sampled_from(
        ["jpeg", "bayer_rggb8; png compressed ", "bayer_gbrg16; jpeg compressed bgr8", "16UC1; compressedDepth png"]
        + ["mono16; png compressed ", "h264", "rgb8; tiff compressed "]
    ),
)
MODELS = ["plumb_bob", "rational_polynomial", "equidistant", "fisheye", "radtan", "KannalaBrandt8", "", "\0"]


@st.composite
def images(draw):
    """Images in which one to all of the fields are wrong, and now and then none."""
    height, width = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    message = Image(height=height, width=width, encoding=draw(ENCODING), is_bigendian=draw(st.integers(0, 255)))
    traits = ENCODINGS.get(message.encoding)
    row = width * (traits.channels * np.dtype(traits.sample).itemsize if traits else 3)
    message.step = row + draw(st.sampled_from([0, 0, 0, 1, 7]))
    size = message.step * height * (traits.rows if traits else 2) // 2
    message.data = bytes(size)
    message.header.frame_id = draw(st.sampled_from(["camera_optical"] * 3 + ["", "other", "\0", "x" * 3000]))
    message.header.stamp.sec = draw(st.sampled_from([0, 1, -1, 5, 2**31 - 1, -(2**31)]))
    message.header.stamp.nanosec = draw(st.sampled_from([0, 10**9 - 1, 2**32 - 1]))
    for name in draw(st.lists(st.sampled_from(["height", "width", "step", "data"]), max_size=2)):
        if name == "data":
            message.data = bytes(draw(st.integers(0, 6000)))
        else:
            setattr(message, name, draw(UINT32))
    return message


@st.composite
def depths(draw):
    """Depth images: those of `images` with an encoding of depth mostly, and values from none to nonsense."""
    message = draw(images())
    message.encoding = draw(st.sampled_from(["32FC1", "32FC1", "16UC1", message.encoding]))
    value = draw(
        st.sampled_from([b"\0\0\0\0", b"\0\0\0\x40", b"\0\0\xc0\x7f", b"\xff\xff\x7f\x7f", b"\x10\x27\x10\x27"])
    )
    size = draw(st.sampled_from([len(message.data), message.step * message.height % 20000]))
    message.data = (value * (size // 4 + 1))[:size]
    if draw(st.booleans()):
        height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        message.height, message.width, message.step = height, width, width * 4
        message.data = value * (height * width)
    return message


@st.composite
def compressed(draw):
    """Compressed images with bytes cut off, changed, put behind, or made up."""
    data = bytearray(draw(st.sampled_from([PICTURE, JPEG, WEBP, TIFF, MOSAIC, WIDE, PROGRESSIVE, b""])))
    for _ in range(draw(st.integers(0, 4))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    data = bytes(data)[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else bytes(data)
    data += draw(st.sampled_from([b"", b"", bytes(64), b"\xff" * 9, b"\xff\xd9"]))
    message = CompressedImage(format=draw(FORMAT), data=data or draw(st.binary(max_size=64)))
    message.header.frame_id = draw(TEXT).replace("\ud800", "")
    return message


@st.composite
def infos(draw):
    """Camera infos with anything anywhere."""
    info = camera_info()
    info.header.frame_id = draw(TEXT)
    info.distortion_model = draw(st.sampled_from(MODELS))
    info.d = draw(st.one_of(st.just([]), st.lists(FLOAT, max_size=14)))
    for name, length in (("k", 9), ("r", 9), ("p", 12)):
        values = list(getattr(info, name))
        for _ in range(draw(st.integers(0, 3))):
            values[draw(st.integers(0, length - 1))] = draw(FLOAT)
        setattr(info, name, values)
    for name in draw(st.lists(st.sampled_from(["width", "height", "binning_x", "binning_y"]), max_size=2)):
        setattr(info, name, draw(UINT32))
    for name in draw(st.lists(st.sampled_from(["x_offset", "y_offset", "width", "height"]), max_size=2)):
        setattr(info.roi, name, draw(UINT32))
    return info


SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Inside:
    """A node in this process whose callbacks are called by hand, and whose worker is the real one."""

    def __init__(self, transport):
        # Threads that wait for each other are slow on a busy machine, and small images gain nothing from them.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        values = {"image_transport": transport, "camera_info_wait_s": 0.0, "warm_up_size": "off"}
        # Everything that can be made of a frame is.
        values |= {"weights": "stub:knows_error=1", "points.layout": "xyzirc", "points.sky_range": 90.0}
        values |= {"scale_smoothing": 0.45, "min_confidence": 0.3, "mask": "0,0.8 1,0.8 1,1 0,1"}
        # A changed byte in a header can ask for as much as is allowed, which then is computed.
        values["max_input_megapixels"] = 0.2
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        self.node = DepthNode(
            load_engine=StubEngine.load, node_name=f"fuzzed_{transport}", parameter_overrides=overrides
        )
        assert self.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        (self.camera,) = self.node.cameras
        self.statistics = self.camera.statistics
        self.published = []
        # Somebody listens to everything, so that every output is made.
        for publisher in self.camera.publishers.values():
            publisher.get_subscription_count = lambda: 1
        self.sent = 0

    def put(self, image, info=None):
        """One image through callback, mailbox and worker; returns how it ended."""
        before = self._ends()
        if info is not None:
            self.camera._on_info(info)
        self.camera._on_image(image, {})
        self.sent += 1
        wait_until(lambda: sum(self._ends().values()) == self.sent, period_s=0.0002)
        (end,) = (self._ends() - before).keys()
        return end

    def _ends(self):
        s = self.statistics
        return Counter(computed=s.computed, refused=s.refused, failed=s.failed)

    def close(self):
        self.node.close()
        self.node.destroy_node()


@pytest.fixture(scope="module", params=["raw", "compressed"])
def inside(ros, request):
    node = Inside(request.param)
    yield node
    node.close()


def _rss_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4


@pytest.mark.parametrize("count", [400, pytest.param(6000, marks=pytest.mark.soak)])
def test_thousands_of_hostile_messages(inside, figure, count):
    ends, kept, before = Counter(), [], Counter(inside.statistics.events)
    image_strategy = compressed() if inside.camera.transport == "compressed" else images()

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(image_strategy, st.none() | infos())
    def attack(image, info):
        end = inside.put(image, info)
        ends[end] += 1
        # A failure is a bug of ours: whatever arrives is either computed or refused with its reason.
        assert end != "failed", inside.statistics.last_problem
        kept.append((image, info))

    attack()
    assert ends.total() >= 0.9 * count and ends["computed"] > 0.05 * count and ends["refused"] > 0.2 * count
    events = Counter(inside.statistics.events) - before
    assert events.total() >= ends["refused"]
    assert len(events) < 30  # a fixed vocabulary, whatever is sent
    assert inside.node.worker.restarts == 0
    good = image_message(rgb_image())
    if inside.camera.transport == "compressed":
        good = CompressedImage(format="png", data=PICTURE)
    assert inside.put(good, camera_info()) == "computed"
    # The same again and again, without the memory of what made them: nothing may be left of a message.
    memory = []
    rounds = 6 if count > 1000 else 4
    for _ in range(rounds):
        for image, info in kept[:700]:
            inside.put(image, info)
        memory.append(_rss_kib())
    growth = memory[-1] / memory[1] - 1
    figure(
        f"fuzz {inside.camera.transport}: {ends.total()} messages: {dict(ends)}; "
        f"memory over {(rounds - 2) * len(kept[:700])} more: {growth:+.2%}; {dict(events)}"
    )
    assert growth < 0.02


@given(messages=st.lists(depths(), min_size=1, max_size=8), image=images())
@settings(SETTINGS, max_examples=100)
def test_hostile_depth_images_are_used_or_counted(messages, image):
    """`coarse: topic`: each depth image is taken or counted, and an image has a partner or is counted."""
    node = SimpleNamespace(get_publishers_info_by_topic=lambda name: [])
    statistics, taken = Statistics(SimpleNamespace(warning=lambda text: None)), []
    topic = CoarseTopic(node, "/d", statistics=statistics, on_depth=taken.append, on_incompatible=lambda *_: None)
    for message in messages:
        topic.receive(message)
    assert len(taken) + statistics.events.total() == len(messages)
    assert topic.wait_s(0, 0.2) >= 0
    found = topic.partner(image.header, 0.2)
    assert (found is None) == (statistics.unpaired == 1)
    if found is not None:
        assert 0 <= found.holes < 1 and min(found.depth_m.shape) >= 16


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.soak)])
def test_hostile_messages_over_the_wire(start_node, figure, count):
    node = start_node(parameters={"camera_info_wait_s": 0.0})
    out = node.outputs("depth", "points", "preview", "timing", "picture", "depth_png", "preview_jpeg")
    collector = node.diagnostics()
    start = {key: int(value) for key, value in collector.wait()["camera"][2].items() if value.isdigit()}
    choose = random.Random(3)
    publisher, info_publisher = node.publisher(Image, "image"), node.publisher(CameraInfo, "camera_info")
    sent = []

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(images(), infos())
    def attack(image, info):
        if choose.random() < 0.5:
            info_publisher.publish(info)
        publisher.publish(image)
        sent.append(image)
        time.sleep(0.005)

    attack()
    out["depth"].of_stamp(node.send(image_message(rgb_image()), info=camera_info()))
    collector.clear()
    values = {
        key: int(value)
        for key, value in wait_until(lambda: len(collector) > 1 and collector[-1])["camera"][2].items()
        if value.isdigit()
    }
    delta = {key: value - start.get(key, 0) for key, value in values.items()}
    figure(f"fuzz over DDS: {len(sent)} images: {delta}")
    assert delta["received"] + delta["lost_in_transport"] == len(sent) + 1
    assert delta["received"] == delta["computed"] + delta["refused"] + delta["dropped"]
    assert delta["failed"] == 0 and delta["refused"] > count / 6 and "Traceback" not in node.log


def broken_depths():
    """One depth image for each reason to refuse it; several for "coarse_empty"."""

    def depth(values, encoding="32FC1", dtype="<f4", **fields):
        message = image_message(np.ascontiguousarray(values, dtype), encoding=encoding)
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    flat = np.full((24, 32), 2.0)
    yield "coarse_data_size", depth(flat, data=bytes(1000))
    yield "coarse_data_size", depth(flat, height=2000)
    yield "coarse_step", depth(flat, step=16)
    yield "coarse_encoding", depth(flat, encoding="rgb8")
    yield "coarse_encoding", depth(flat, encoding="64FC1")
    yield "coarse_zero_size", depth(flat, width=0)
    yield "coarse_size", depth(flat[:4, :4])
    yield "coarse_too_large", depth(flat, width=2**16, height=2**16)
    for hole in (0.0, np.nan, np.inf, -np.inf, -3.0, 1e9):
        yield "coarse_empty", depth(np.full((24, 32), hole))
    yield "coarse_empty", depth(np.zeros((24, 32)), encoding="16UC1", dtype="<u2")


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.soak)])
def test_hostile_depth_over_the_wire(start_node, figure, count):
    """`coarse: topic`: each kind of bad depth is counted by its reason; without a partner nothing is published."""
    node = start_node(parameters={"coarse": "topic", "coarse_max_age_s": 0.05, "camera_info_wait_s": 0.0})
    out, statuses = node.outputs("depth", "timing", prime=False), node.diagnostics()
    depth_publisher, image_publisher = node.publisher(Image, "coarse_depth"), node.publisher(Image, "image")
    node.publisher(CameraInfo, "camera_info")

    def send(message, *, age_s=0.0, frame_id="camera_optical", wait_s=0.15):
        """A depth image and an image that is `age_s` younger; the node may hold the image for 0.1 s."""
        stamp_ns = node.probe.now_ns()
        message.header.frame_id = frame_id
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns - int(age_s * 1e9), 10**9)
        depth_publisher.publish(message)
        time.sleep(0.03)
        picture = image_message(rgb_image())
        picture.header.stamp.sec, picture.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        node.send(picture, info=camera_info())
        time.sleep(wait_s)
        return stamp_ns

    def values():
        return {key: int(value) for key, value in statuses[-1]["camera"][2].items() if value.isdigit()}

    for _, message in broken_depths():
        send(message, wait_s=0.02)
    good = np.full((24, 32), 2.0, "<f4")
    expected = {reason for reason, _ in broken_depths()} | {"coarse_missing", "coarse_frame", "coarse_stale"}

    def counted():
        """Best effort loses messages, so what has not been counted is sent again."""
        missing = expected - {key.removeprefix("count.") for key in values()}
        for reason, message in broken_depths():
            if reason in missing:
                send(message)
        if "coarse_frame" in missing:
            send(image_message(good, encoding="32FC1"), frame_id="depth_optical")
        elif "coarse_stale" in missing:
            send(image_message(good, encoding="32FC1"), age_s=0.5)
        return not missing

    statuses.wait()
    wait_until(counted, period_s=0.2)
    assert not out["depth"] and not out["timing"], "published without a partner"
    paired = wait_until(lambda: send(image_message(good, encoding="32FC1")) and list(out["depth"]), period_s=0.2)
    assert np.allclose(depth_array(paired[0]), 2.0)

    @settings(SETTINGS, max_examples=count)
    @given(depths(), images(), st.booleans())
    def attack(depth, image, same_stamp):
        if same_stamp:
            depth.header = image.header
        depth_publisher.publish(depth)
        image_publisher.publish(image)
        time.sleep(0.01)

    attack()
    before = len(out["depth"])
    wait_until(lambda: send(image_message(good, encoding="32FC1")) and len(out["depth"]) > before, period_s=0.2)
    statuses.wait(len(statuses) + 2)
    found = values()
    figure(f"fuzz of depth over DDS: {found}")
    ends = ("computed", "refused", "dropped", "without_partner")
    assert found["received"] == sum(found[name] for name in ends)
    assert found["failed"] == 0 and found["computed"] == len(out["depth"]) and "Traceback" not in node.log
    assert expected <= {key.removeprefix("count.") for key in found}
