# SPDX-License-Identifier: Apache-2.0
"""Message types of recordings, including this package's own."""

from functools import lru_cache

from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from prv2_ros.errors import DataError
from prv2_ros.paths import share_path

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
CLOUD_TYPE = "sensor_msgs/msg/PointCloud2"
TIMING_TYPE = "prv2_ros/msg/DepthTiming"


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """ROS 2's standard messages and `prv2_ros/msg/DepthTiming`; one store for each process.

    Raises:
        DataError: msg/DepthTiming.msg is missing.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    try:
        text = share_path("msg", "DepthTiming.msg").read_text()
    except FileNotFoundError as error:
        raise DataError(f"the message definition is missing: {error}") from None
    store.register(get_types_from_msg(text, TIMING_TYPE))
    return store


def learn_type(name: str, definition: str) -> None:
    """Add an unknown type to `typestore()` by its definition (ros2msg or ros2idl).

    Raises:
        TypesysError: The definition is missing or cannot be used.
    """
    store = typestore()
    if name in store.fielddefs:
        return
    try:
        is_idl = definition.startswith(("=" * 80 + "\nIDL: ", "module ", "#include", "// generated"))
        types = get_types_from_idl(_idl_text(definition)) if is_idl else get_types_from_msg(definition, name)
        store.register({key: value for key, value in types.items() if key not in store.fielddefs})
    except TypesysError as error:
        raise TypesysError(f"the type {name} is unknown and its definition is unusable") from error


def _idl_text(definition: str) -> str:
    """The IDL of a ros2idl definition, without its separators (lines of '=' and "IDL: name")."""
    return "\n".join(line for line in definition.splitlines() if not line.startswith(("=" * 80, "IDL: ")))
