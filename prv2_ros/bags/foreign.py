# SPDX-License-Identifier: Apache-2.0
"""Converts foreign images and calibrations to ROS 2 messages.

Supported: ROS 1 messages in MCAP, and Foxglove's RawImage, CompressedImage and CameraCalibration as CDR, JSON or
protobuf.
"""

import base64
import json
from functools import lru_cache
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from prv2_ros.bags.channel import CDR
from prv2_ros.bags.messages import camera_info_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, learn_type, typestore

_SAME = {
    "RawImage": IMAGE_TYPE,
    "CompressedImage": COMPRESSED_TYPE,
    "CameraCalibration": CAMERA_INFO_TYPE,
}
_KINDS = {
    **{f"{package}{name}": kind for name, kind in _SAME.items() for package in ("foxglove.", "foxglove_msgs/msg/")},
    **{kind.replace("/msg/", "/"): kind for kind in (IMAGE_TYPE, COMPRESSED_TYPE, CAMERA_INFO_TYPE)},
}
# Message types of video streams, and their common names.
VIDEO_TYPES = {
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket": "packets of ffmpeg_image_transport",
    "foxglove_msgs/msg/CompressedVideo": "video packets of Foxglove",
    "foxglove.CompressedVideo": "video packets of Foxglove",
    "theora_image_transport/msg/Packet": "packets of theora_image_transport",
}


def kind_of(type: str) -> str:
    """The equivalent ROS 2 type, or `type` itself."""
    return _KINDS.get(type, type)


def decode(data: bytes, topic: Any) -> Any:
    """Decode a message of a `Topic` with a foreign encoding or type into the ROS 2 message of the topic's `kind`.

    Raises:
        ValueError: It cannot be decoded, with the reason.
        SerdeError, TypesysError, KeyError: Damaged data, or an unknown type.
    """
    if topic.kind not in _SAME.values():
        raise ValueError(f"{topic.encoding} messages of {topic.type} are copied, not decoded")
    if topic.encoding == CDR:
        learn_type(topic.type, topic.definition)
        message = typestore().deserialize_cdr(data, topic.type)
    elif topic.encoding == "ros1":
        message = _ros1().deserialize_ros1(data, topic.kind)
    elif topic.encoding == "json":
        message = json.loads(data)
        if not isinstance(message, dict):
            raise ValueError("it is JSON, but not an object")
    elif topic.encoding == "protobuf":
        message = _protobuf_type(topic.type, topic.schema).FromString(data)
    else:
        raise ValueError(f"messages in {topic.encoding} cannot be decoded; convert the recording to cdr")
    return _as_ros2(message, topic.kind)


@lru_cache(maxsize=1)
def _ros1() -> Typestore:
    return get_typestore(Stores.ROS1_NOETIC)


@lru_cache(maxsize=16)
def _protobuf_type(name: str, schema: bytes) -> Any:
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ValueError("protobuf messages need the package protobuf: pip install protobuf") from None
    try:
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(schema).file:
            pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    except (DecodeError, TypeError, KeyError) as error:
        raise ValueError(f"the protobuf schema of {name} cannot be used: {error}") from error


def _get(message: Any, *names: str, default: Any = None) -> Any:
    """The first of some fields that an object or mapping has."""
    for name in names:
        if isinstance(message, dict):
            if name in message:
                return message[name]
        elif hasattr(message, name):
            return getattr(message, name)
    return default


def _bytes(value: Any) -> np.ndarray:
    data = base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)
    return np.frombuffer(data, np.uint8)


def _as_ros2(message: Any, kind: str) -> Any:
    types = typestore().types
    stamped = _get(message, "header", default=message)
    stamp = _get(stamped, "stamp", "timestamp", default={})
    seconds, rest = _get(stamp, "sec", "seconds", default=0), _get(stamp, "nanosec", "nsec", "nanos", default=0)
    header = make_header(int(seconds) * 10**9 + int(rest), str(_get(stamped, "frame_id", default="")))
    if kind == COMPRESSED_TYPE:
        form, data = _get(message, "format", default=""), _get(message, "data", default=b"")
        return types[kind](header=header, format=str(form), data=_bytes(data))
    width, height = int(_get(message, "width", default=0)), int(_get(message, "height", default=0))
    if kind == IMAGE_TYPE:
        whole = {name: int(_get(message, name, default=0)) for name in ("height", "width", "is_bigendian", "step")}
        encoding, data = str(_get(message, "encoding", default="")), _bytes(_get(message, "data", default=b""))
        return types[kind](header=header, encoding=encoding, data=data, **whole)
    info = camera_info_message(header, width=width, height=height, intrinsics=(0, 0, 0, 0))
    for name, length in (("d", 0), ("k", 9), ("r", 9), ("p", 12)):
        values = np.array(list(_get(message, name, name.upper(), default=())), np.float64)
        if length and values.size not in (0, length):
            raise ValueError(f"{name.upper()} has {values.size} numbers, not {length}")
        # Foreign calibrations may omit R and P; ROS 2 needs them.
        setattr(info, name, values if values.size else np.zeros(length))
    info.r = info.r if info.r.any() else np.eye(3).ravel()
    info.distortion_model = str(_get(message, "distortion_model", default=""))
    roi = _get(message, "roi", default={})
    for target, source, names in (
        (info.roi, roi, ("x_offset", "y_offset", "height", "width")),
        (info, message, ("binning_x", "binning_y")),
    ):
        for name in names:
            setattr(target, name, int(_get(source, name, default=0)))
    info.roi.do_rectify = bool(_get(roi, "do_rectify", default=False))
    return info
