# SPDX-License-Identifier: Apache-2.0
"""ROS 1 recordings: refused with the command that converts them, and that command's result is as good as any."""

import shlex
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from recordings import START_NS, STEP_NS, argv, decoded, messages
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from prv2_ros.bags import BagReader
from prv2_ros.bags.messages import read_depth_message
from prv2_ros.cli.main import main

FRAMES = 3
WIDTH, HEIGHT = 80, 60
OWN_TYPE = "our_robot/msg/Mood"


@pytest.fixture(scope="module")
def ros1_bag(tmp_path_factory):
    """Camera with K, D, R and P in capitals, tf, and a type that only this robot knows."""
    path = tmp_path_factory.mktemp("ros1") / "old.bag"
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("Header header\nfloat32 joy\n", OWN_TYPE))
    # rosbags knows ROS 1's standard messages, but not its tf.
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms\n", "tf2_msgs/msg/TFMessage"))
    types = store.types
    rng = np.random.default_rng(1)
    with Writer(path) as writer:
        kinds = {
            "/kinect/rgb/camera_info": "sensor_msgs/msg/CameraInfo",
            "/kinect/rgb/image_mono": "sensor_msgs/msg/Image",
            "/kinect/depth/image": "sensor_msgs/msg/Image",
            "/tf": "tf2_msgs/msg/TFMessage",
            "/mood": OWN_TYPE,
        }
        topics = {name: writer.add_connection(name, kind, typestore=store) for name, kind in kinds.items()}
        for index in range(FRAMES):
            now = START_NS + index * STEP_NS
            stamp = types["builtin_interfaces/msg/Time"](sec=now // 10**9, nanosec=now % 10**9)
            header = types["std_msgs/msg/Header"](seq=index, stamp=stamp, frame_id="kinect")
            region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            k = np.array([90.0, 0, 39.5, 0, 90, 29.5, 0, 0, 1])
            p = np.array([85.0, 0, 39.5, 0, 0, 85, 29.5, 0, 0, 0, 1, 0])
            d = np.array([-0.1, 0.01, 0, 0, 0])
            grey = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8), (0, 0), 3)
            depth = np.full((HEIGHT, WIDTH), 1.5, "<f4")
            translation = types["geometry_msgs/msg/Vector3"](1.0, 2.0, 3.0)
            rotation = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
            transform = types["geometry_msgs/msg/Transform"](translation, rotation)
            made = {
                "/kinect/rgb/camera_info": types["sensor_msgs/msg/CameraInfo"](
                    header, HEIGHT, WIDTH, "plumb_bob", d, k, np.eye(3).ravel(), p, 0, 0, region
                ),
                "/kinect/rgb/image_mono": types["sensor_msgs/msg/Image"](
                    header, HEIGHT, WIDTH, "mono8", 0, WIDTH, grey.ravel()
                ),
                "/kinect/depth/image": types["sensor_msgs/msg/Image"](
                    header, HEIGHT, WIDTH, "32FC1", 0, 4 * WIDTH, depth.view(np.uint8).ravel()
                ),
                "/tf": types["tf2_msgs/msg/TFMessage"](
                    [types["geometry_msgs/msg/TransformStamped"](header, "kinect", transform)]
                ),
                "/mood": types[OWN_TYPE](header, 0.5),
            }
            for name, message in made.items():
                writer.write(topics[name], now, store.serialize_ros1(message, kinds[name]))
    return path


@pytest.fixture(scope="module")
def converted(ros1_bag, tmp_path_factory):
    """What the command makes that the refusal names."""
    folder = tmp_path_factory.mktemp("converted")
    shutil.copy(ros1_bag, folder)
    from prv2_ros.errors import DataError

    with pytest.raises(DataError) as caught:
        BagReader(folder / "old.bag")
    text = str(caught.value)
    assert "is a ROS 1 bag" in text
    command = shlex.split(text[text.index("rosbags-convert") :])
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "old"


def test_a_ros1_bag_is_refused_in_one_line(ros1_bag, random_weights, tmp_path, capsys):
    assert main(argv(ros1_bag, tmp_path / "o", random_weights)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "rosbags-convert --src" in error
    assert not (tmp_path / "o").exists()


def test_a_converted_ros1_recording_gets_depth(converted, random_weights, tmp_path, capsys):
    out = tmp_path / "o"
    assert main(argv(converted, out, random_weights)) == 0
    assert "no depth of /kinect/depth/image: it looks like depth (32FC1)" in capsys.readouterr().out
    before, after = messages(converted), messages(out)
    inputs = {topic for topic, *_ in before}
    assert len(before) == 5 * FRAMES and [m for m in after if m[0] in inputs] == before
    depth = decoded(out, "/kinect/rgb/depth/image_rect")
    assert len(depth) == FRAMES and np.isfinite(read_depth_message(depth[0])).any()
    info = decoded(out, "/kinect/rgb/depth/camera_info")[0]
    assert info.k[0] == 85 and not info.d.any(), "rectified with the K, D and P of ROS 1"
    assert len(decoded(out, "/kinect/rgb/points")) == FRAMES
    assert [round(mood.joy, 3) for mood in decoded(out, "/mood")] == [0.5] * FRAMES
