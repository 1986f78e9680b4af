# SPDX-License-Identifier: Apache-2.0
"""Names of the input topics: relative, remapped by the user, camera_info beside the image unless it is remapped too."""

from typing import Any, NamedTuple

_COMPRESSED = "/compressed"


class ImageTopics(NamedTuple):
    """Resolved names of the image and camera_info topics, and how the image travels: "raw" or "compressed"."""

    image: str
    camera_info: str
    transport: str


def image_topics(node: Any, prefix: str, transport: str) -> ImageTopics:
    """Where the images and camera_info of a camera come from.

    Args:
        node: rclpy node, whose remappings count.
        prefix: "" or the camera's namespace with a slash at its end.
        transport: "raw" or "compressed".

    Returns:
        The image topic of the compressed transport is that of the raw one with /compressed, unless `image/compressed`
        itself is remapped. A raw topic whose name ends in /compressed is meant to be the compressed one of the topic
        without that ending. camera_info is the neighbour of the image topic after remapping, unless `camera_info`
        itself is remapped.
    """
    image = node.resolve_topic_name(prefix + "image")
    if image.endswith(_COMPRESSED):
        transport = "compressed"
    elif transport == "compressed":
        image = _remapped(node, prefix + "image/compressed") or image + _COMPRESSED
    base = image.removesuffix(_COMPRESSED)
    info = _remapped(node, prefix + "camera_info") or f"{base.rsplit('/', 1)[0]}/camera_info"
    return ImageTopics(image, info, transport)


def _remapped(node: Any, name: str) -> str | None:
    resolved = node.resolve_topic_name(name)
    return resolved if resolved != node.resolve_topic_name(name, only_expand=True) else None
