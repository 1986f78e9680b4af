# SPDX-License-Identifier: Apache-2.0
"""The message types that recordings hold, among them this package's own."""

from functools import lru_cache

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
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
    """ROS 2's standard messages and `prv2_ros/msg/DepthTiming`; one store for the whole process.

    Raises:
        DataError: msg/DepthTiming.msg did not come with the package.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    try:
        text = share_path("msg", "DepthTiming.msg").read_text()
    except FileNotFoundError as error:
        raise DataError(f"the message definition is missing: {error}") from None
    store.register(get_types_from_msg(text, TIMING_TYPE))
    return store
