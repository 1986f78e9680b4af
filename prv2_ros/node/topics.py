# SPDX-License-Identifier: Apache-2.0
"""Names of the input topics: camera_info is in the namespace of the remapped image unless it is remapped too."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_COMPRESSED = "/compressed"


class ImageTopics(NamedTuple):
    """Resolved image and camera_info topics, and the transport: "raw" or "compressed"."""

    image: str
    camera_info: str
    transport: str


def image_topics(node: Any, prefix: str, transport: str) -> ImageTopics:
    """Input topics of a camera, by the node's remappings.

    The compressed topic is the raw one with /compressed, unless `image/compressed` is remapped; a topic that ends in
    /compressed is always compressed. camera_info is in the image topic's namespace, unless it is remapped.

    Args:
        node: rclpy node.
        prefix: "" or the camera's namespace with a trailing slash.
        transport: "raw" or "compressed".
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
    """A warning for each topic that several cameras share, mostly a wrong remapping."""
    texts = []
    for field, consequence in (
        ("image", "their outputs are the same"),
        ("camera_info", "it fits only one of them, unless it has a message for each frame"),
    ):
        readers: dict[str, list[str]] = {}
        for camera, of_camera in topics.items():
            readers.setdefault(getattr(of_camera, field), []).append(camera)
        texts += [
            f"cameras {', '.join(names)} share the {field} topic '{topic}': {consequence}"
            for topic, names in readers.items()
            if len(names) > 1
        ]
    return texts


def _remapped(node: Any, name: str) -> str | None:
    resolved = node.resolve_topic_name(name)
    return resolved if resolved != node.resolve_topic_name(name, only_expand=True) else None
