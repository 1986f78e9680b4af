# SPDX-License-Identifier: Apache-2.0
"""Small recordings for tests: messages made from arrays, and the arguments that convert them."""

import shutil

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from prv2_ros.bags import BagReader, typestore
from prv2_ros.bags.messages import camera_info_message, make_header
from prv2_ros.bags.types import IMAGE_TYPE

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def image_message(header, encoding, array):
    """sensor_msgs/Image of an array of rows."""
    array = np.ascontiguousarray(array)
    return typestore().types[IMAGE_TYPE](
        header=header,
        height=array.shape[0],
        width=array.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=array.strides[0],
        data=array.view(np.uint8).ravel(),
    )


def info_message(stamp_ns, frame, *, size, intrinsics, d=(), p=None, roi=(0, 0, 0, 0), binning=(0, 0)):
    """sensor_msgs/CameraInfo; roi is x, y, width, height."""
    info = camera_info_message(make_header(stamp_ns, frame), width=size[0], height=size[1], intrinsics=intrinsics)
    if d:
        info.d = np.array(d, np.float64)
    if p is not None:
        info.p = np.array(p, np.float64)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    info.binning_x, info.binning_y = binning
    return info


def messages(path):
    """(topic, type, time, bytes) of everything in a recording."""
    with BagReader(path) as reader:
        return [(r.topic, r.type, r.time_ns, r.data) for r in reader.messages()]


def as_database(path):
    """The recording, of which the MCAP file has become a .db3 file."""
    with BagReader(path) as reader:
        topics, records = reader.topics, list(reader.messages())
    shutil.rmtree(path)
    with Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connections = {}
        for topic in topics:
            definition = {"msgdef": topic.definition, "rihs01": topic.digest}
            connections[topic.name] = writer.add_connection(topic.name, topic.type, **definition)
        for record in records:
            writer.write(connections[record.topic], record.time_ns, record.data)
    return path


def decoded(path, topic):
    """The messages of a topic."""
    with BagReader(path) as reader:
        return [reader.decode(record) for record in reader.messages([topic])]


def argv(bag, out, weights, *more):
    """Arguments of `prv2` that convert a recording."""
    return ["bag", str(bag), str(out), "--weights", str(weights), "--device", "cpu", "--part-frames", "4", *more]
