# SPDX-License-Identifier: Apache-2.0
"""Names of the input topics: relative, remapped by the user, camera_info beside the image unless it is remapped too."""

from collections.abc import Mapping
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


def shared(topics: Mapping[str, ImageTopics]) -> list[str]:
    """A sentence for each topic that several cameras, given by name, read alike: mostly a slip of a remapping."""
    texts = []
    for field, consequence in (
        ("image", "they show the same"),
        ("camera_info", "it fits one of them, unless each has its own frame in it"),
    ):
        readers: dict[str, list[str]] = {}
        for camera, of_camera in topics.items():
            readers.setdefault(getattr(of_camera, field), []).append(camera)
        texts += [
            f"cameras {', '.join(names)} have one {field} topic, '{topic}': {consequence}"
            for topic, names in readers.items()
            if len(names) > 1
        ]
    return texts


def _remapped(node: Any, name: str) -> str | None:
    resolved = node.resolve_topic_name(name)
    return resolved if resolved != node.resolve_topic_name(name, only_expand=True) else None
