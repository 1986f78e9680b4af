# SPDX-License-Identifier: Apache-2.0
"""Small decisions of the node without ROS traffic: pace, silence, rest, masks, names, sizes, confidence, words."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from prv2_ros.errors import Prv2Error
from prv2_ros.node import story
from prv2_ros.node.body_mask import body_mask
from prv2_ros.node.cloud_message import cloud_message
from prv2_ros.node.depth_message import Buffer
from prv2_ros.node.depth_values import confidence_of
from prv2_ros.node.diagnostics import allowed_ms
from prv2_ros.node.image_watch import HeaderCheck, Pace, Rest, Silence, fits
from prv2_ros.node.outputs import OUTPUTS
from prv2_ros.node.parameter_table import BY_NAME, parse_size
from prv2_ros.node.parameters import misspelt
from prv2_ros.node.topics import ImageTopics, image_topics, shared

S = 10**9


@pytest.mark.parametrize("images_hz,most_hz,expected", [(30, 10, 10), (30, 7, 7), (5, 10, 5), (10, 4, 4), (10, 0, 10)])
def test_the_pace_is_that_of_the_images_or_the_most(images_hz, most_hz, expected):
    pace = Pace()
    taken = [index for index in range(10 * images_hz) if pace.is_due(most_hz, 100 + index / images_hz)]
    assert len(taken) == pytest.approx(10 * expected, abs=2)
    gaps = np.diff(taken)
    assert gaps.max() - gaps.min() <= 1


def test_a_pace_that_is_raised_counts_at_once_and_pauses_are_not_made_up_for():
    pace = Pace()
    assert pace.is_due(0.01, 0.0) and not pace.is_due(0.01, 1.0)
    assert not pace.is_due(10, 1.0) and pace.is_due(10, 1.2)
    assert [pace.is_due(10, 60 + index / 100) for index in range(9)] == [True] + [False] * 8


def _publisher(kind="sensor_msgs/msg/Image", reliability=ReliabilityPolicy.RELIABLE):
    profile = QoSProfile(depth=1, reliability=reliability)
    return SimpleNamespace(topic_type=kind, qos_profile=profile, node_namespace="/", node_name="driver")


def test_a_publisher_that_fits_gets_patience():
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    assert fits(_publisher(), "sensor_msgs/msg/Image", best_effort)
    assert fits(_publisher(reliability=ReliabilityPolicy.BEST_EFFORT), "sensor_msgs/msg/Image", best_effort)
    assert not fits(_publisher(reliability=ReliabilityPolicy.BEST_EFFORT), "sensor_msgs/msg/Image", reliable)
    assert not fits(_publisher("sensor_msgs/msg/CompressedImage"), "sensor_msgs/msg/Image", best_effort)
    silence = Silence(100 * S)
    assert silence.is_odd(106 * S, 5.0, all_fit=False) and not silence.is_odd(106 * S, 5.0, all_fit=True)
    assert silence.is_odd(131 * S, 5.0, all_fit=True) and not silence.is_odd(900 * S, 0.0, all_fit=False)


def test_a_slow_camera_is_known_by_its_pauses():
    silence = Silence(0)
    for second in range(20, 200, 20):
        silence.on_image(second * S)
    assert not silence.is_odd((180 + 50) * S, 5.0, all_fit=True) and silence.is_odd((180 + 61) * S, 5.0, all_fit=True)


def test_who_publishes_is_told_once_and_again_when_it_changes():
    silence = Silence(S)
    assert "nobody" in silence.news([]) and silence.news([]) is None
    assert "driver" in silence.news([_publisher()]) and silence.news([_publisher()]) is None
    silence.on_image(2 * S)
    assert silence.news([_publisher()])


def test_a_camera_rests_when_images_flow_that_nobody_needs():
    rest = Rest(0.0)
    assert not rest.decide(4.0, needed=False, silent_s=0.1) and rest.decide(6.0, needed=False, silent_s=0.1)
    assert not rest.decide(6.1, needed=True, silent_s=9.0) and not rest.decide(10.0, needed=False, silent_s=0.1)
    assert not Rest(0.0).decide(60.0, needed=False, silent_s=60.0), "a silent topic is listened to"


def test_polygons_are_where_they_say():
    mask = body_mask("0,0.5 1,0.5 1,1 0,1; 0,0 0.2,0 0,0.2", 100, 200)
    assert mask.shape == (100, 200) and mask[60:].all() and mask[1, 1] and not mask[10:48, 60:].any()
    assert body_mask(" ", 10, 10) is None


def test_a_picture_as_a_mask_is_stretched(tmp_path):
    picture = np.zeros((10, 20), np.uint8)
    picture[5:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    mask = body_mask(str(tmp_path / "mask.png"), 40, 40)
    assert mask[20:].all() and not mask[:20].any()


@pytest.mark.parametrize("text", ["nowhere.png", "0,0 1,1", "0,0 1,0 2,1", "0,0,0 1,1,1 0,1,0", "1 2 3", "a\0b"])
def test_what_is_no_mask_is_refused(text):
    with pytest.raises(Prv2Error, match="mask"):
        body_mask(text, 10, 10)
    assert "mask" in BY_NAME["mask"].problem(text)


def test_a_file_that_is_no_picture_is_no_mask(tmp_path):
    (tmp_path / "mask.png").write_text("no")
    with pytest.raises(Prv2Error, match="not an image"):
        body_mask(str(tmp_path / "mask.png"), 10, 10)


def test_misspelt_parameters_are_named_with_the_nearest():
    given = ["max_rnge", "points.strid", "max_range", "use_sim_time", "qos_overrides./image.subscription.depth", "zzz"]
    texts = misspelt(given)
    assert [text.split()[1] for text in texts] == ["max_rnge", "points.strid", "zzz"]
    assert "did you mean max_range?" in texts[0] and "points.stride?" in texts[1] and "mean" not in texts[2]


class Names:
    """A node that knows remappings and nothing else."""

    def __init__(self, **remaps):
        self._remaps = {name.replace("__", "/"): topic for name, topic in remaps.items()}

    def resolve_topic_name(self, name, *, only_expand=False):
        return f"/{name}" if only_expand else self._remaps.get(name, f"/{name}")


@pytest.mark.parametrize(
    "remaps,transport,expected",
    [
        ({}, "raw", ("/image", "/camera_info", "raw")),
        ({"image": "/cam/image_raw"}, "raw", ("/cam/image_raw", "/cam/camera_info", "raw")),
        ({"image": "/cam/image_raw"}, "compressed", ("/cam/image_raw/compressed", "/cam/camera_info", "compressed")),
        (
            {"image": "/cam/image_raw/compressed"},
            "raw",
            ("/cam/image_raw/compressed", "/cam/camera_info", "compressed"),
        ),
        (
            {"image": "/cam/image_raw/compressed"},
            "compressed",
            ("/cam/image_raw/compressed", "/cam/camera_info", "compressed"),
        ),
        ({"image__compressed": "/x/y"}, "compressed", ("/x/y", "/x/camera_info", "compressed")),
        ({"image": "/c/i", "camera_info": "/k"}, "raw", ("/c/i", "/k", "raw")),
    ],
)
def test_where_images_and_camera_info_come_from(remaps, transport, expected):
    assert image_topics(Names(**remaps), "", transport) == expected


def test_cameras_that_share_a_topic_are_told():
    own = {name: ImageTopics(f"/{name}/image", f"/{name}/camera_info", "raw") for name in ("a", "b", "c")}
    assert shared(own) == []
    (text,) = shared(own | {"b": own["b"]._replace(camera_info="/a/camera_info")})
    assert "cameras a, b share the camera_info topic '/a/camera_info'" in text
    assert len(shared(own | {"b": own["a"]})) == 2


def test_sizes_and_tiles_have_an_end():
    assert parse_size("7680x4320") == (7680, 4320)
    for name, value in {
        "output_size": "99999x99999",
        "warm_up_size": "20000x20000",
        "mode": "r9999",
        "grid": "99x99",
    }.items():
        assert "more than" in BY_NAME[name].problem(value), name
    assert BY_NAME["mode"].problem("r1024") is None and BY_NAME["grid"].problem("32x32") is None


def test_confidence_falls_with_the_expected_error():
    errors = torch.tensor([[0.0, 0.05, 0.1, 0.3, 10.0, float("nan"), float("inf"), -1.0]])
    confidence = confidence_of(errors)[0].tolist()
    assert confidence[:4] == pytest.approx([1, 2 / 3, 0.5, 0.25]) and 0 < confidence[4] < 0.01
    assert confidence[5:] == [0.0, 0.0, 1.0]


def test_what_is_in_time_depends_on_the_device():
    name = "diagnostics.max_allowed_processing_time_ms"
    assert [allowed_ms({name: 0.0}, torch.device(kind)) for kind in ("cuda:1", "cpu", "mps")] == [1000, 10000, 10000]
    assert allowed_ms({name: 50.0}, torch.device("cpu")) == 50


def test_frames_that_are_not_optical_are_told_once_each():
    told = []
    check = HeaderCheck(lambda reason, text: told.append(reason))
    for frame in ("camera_link", "camera_link", "camera_color_optical_frame", "base", ""):
        check(Header(frame_id=frame), frame_matters=True)
        check(Header(frame_id="other"), frame_matters=False)
    assert told == ["frame_not_optical", "frame_not_optical", "no_frame_id"]


@pytest.mark.parametrize("sky_m", [0.0, 40.0])
def test_sky_can_be_told_from_what_is_unknown(sky_m):
    depth = torch.tensor([[5.0, 25.0, float("inf"), float("nan"), float("-inf")]])
    message = cloud_message(
        Header(),
        depth,
        np.eye(3),
        Buffer(),
        rgb=np.zeros((1, 5, 3), np.uint8),
        layout="xyz",
        stride=1,
        max_range_m=20.0,
        sky_range_m=sky_m,
    )
    z = np.frombuffer(message.data, np.float32)[2::3]
    np.testing.assert_array_equal(z, [5, sky_m or np.nan, sky_m or np.nan, np.nan, np.nan])


class Log:
    def __init__(self, enabled=True):
        self.lines, self._enabled = [], enabled

    def is_enabled_for(self, severity):
        return self._enabled

    def debug(self, text):
        self.lines.append(text)


def test_at_level_debug_a_frame_tells_its_times_and_its_calibration():
    from plain_info import plain_info

    from prv2_ros.camera import Calibration
    from prv2_ros.msg import DepthTiming

    calibration = Calibration(lambda *_: None)
    calibration.on_info(plain_info(fx=50, frame_id="left"))
    for frame, words in {"left": "own frame 'left'", "right": "newest camera_info, of frame 'left'"}.items():
        camera = SimpleNamespace(logger=Log(), calibration=calibration, info_topic="/c/camera_info")
        story.log_camera(camera, frame, calibration.of_image(frame, width=64, height=48))
        assert words in camera.logger.lines[0] and "/c/camera_info" in camera.logger.lines[0]
        assert "fx 50.0" in camera.logger.lines[0]
    story.log_frame(camera, DepthTiming(total_ms=12.5, tiles_refined=3, tiles_total=16), {"points"})
    assert "total 12.5 ms" in camera.logger.lines[1] and "tiles 3 of 16; published points" in camera.logger.lines[1]
    silent = SimpleNamespace(logger=Log(enabled=False))
    story.log_frame(silent, DepthTiming(), set())
    assert silent.logger.lines == []


def test_each_output_has_a_topic_that_no_input_has():
    assert not {"image", "camera_info", "image/compressed"} & set(OUTPUTS)
