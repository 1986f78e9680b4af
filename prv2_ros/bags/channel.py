# SPDX-License-Identifier: Apache-2.0
"""What a recording's file says of one of its channels, whatever the file's format and the messages' encoding."""

from dataclasses import dataclass

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

CDR, ROS2_MSG = "cdr", "ros2msg"
# Schema encodings that are text which a person, or a parser of message definitions, can read.
TEXT_SCHEMAS = (ROS2_MSG, "ros2idl", "omgidl", "ros1msg")


@dataclass(frozen=True)
class Extra:
    """What an MCAP file holds beside its messages: an attachment, or named words about the recording.

    Attributes:
        name: Of either.
        words: Keys and values of MCAP's metadata; None for an attachment.
        data: Bytes of an attachment.
        media_type: Of an attachment.
        log_ns, create_ns: Times of an attachment.
    """

    name: str
    words: dict[str, str] | None = None
    data: bytes = b""
    media_type: str = ""
    log_ns: int = 0
    create_ns: int = 0


@dataclass(frozen=True)
class Channel:
    """A channel as its file states it.

    Attributes:
        id: The file's own number of it.
        topic: e.g. "/camera/image".
        type: e.g. "sensor_msgs/msg/Image", or "foxglove.CompressedImage".
        count: Messages in the file.
        encoding: Of the messages: "cdr", "json", "protobuf", "ros1" and so on.
        schema_encoding: Of the type's definition: "ros2msg", "ros2idl", "jsonschema" and so on; "" for none.
        schema: The type's definition as stored.
        digest: The type's RIHS01 hash as stored, or "".
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
    """Profiles as a file states them; none where that cannot be read."""
    try:
        return tuple(parse_qos(text)) if text else ()
    except Exception:  # noqa: BLE001 - any text may stand there, and reading the messages needs no profile
        return ()
