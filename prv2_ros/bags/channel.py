# SPDX-License-Identifier: Apache-2.0
"""One channel of a recording file, for every file format and message encoding."""

from dataclasses import dataclass

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

CDR, ROS2_MSG = "cdr", "ros2msg"
# Schema encodings that are readable text.
TEXT_SCHEMAS = (ROS2_MSG, "ros2idl", "omgidl", "ros1msg")


@dataclass(frozen=True)
class Extra:
    """An attachment of an MCAP file, or with `words` a metadata record; times are ns."""

    name: str
    words: dict[str, str] | None = None
    data: bytes = b""
    media_type: str = ""
    log_ns: int = 0
    create_ns: int = 0


@dataclass(frozen=True)
class Channel:
    """A channel of a file.

    Attributes:
        id: Its number in the file.
        topic, type: e.g. "/camera/image" and "sensor_msgs/msg/Image", or "foxglove.CompressedImage".
        count: Messages in the file.
        encoding: Of the messages: "cdr", "json", "protobuf", "ros1" and so on.
        schema_encoding, schema: The type's definition: "ros2msg", "ros2idl", "jsonschema" and so on, or "" for none.
        digest: The type's RIHS01 hash, or "".
        qos: Offered QoS profiles.
    """

    id: int
    topic: str
    type: str
    count: int
    encoding: str = CDR
    schema_encoding: str = ""
    schema: bytes = b""
    digest: str = ""
    qos: tuple[Qos, ...] = ()


def qos_profiles(text: str) -> tuple[Qos, ...]:
    """QoS profiles of a file; none if they are unreadable."""
    try:
        return tuple(parse_qos(text)) if text else ()
    except Exception:  # noqa: BLE001 - it may be any text, and messages can be read without a profile
        return ()
