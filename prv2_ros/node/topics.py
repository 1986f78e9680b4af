# SPDX-License-Identifier: Apache-2.0
"""Names of the input topics: relative, remapped by the user, camera_info beside the image unless it is remapped too."""

from typing import Any


def image_topics(node: Any, prefix: str, transport: str) -> tuple[str, str]:
    """Resolved names of the image and camera_info topics.

    Args:
        node: rclpy node, whose remappings count.
        prefix: "" or the camera's namespace with a slash at its end.
        transport: "raw" or "compressed".

    Returns:
        (image topic, camera_info topic). The image topic of the compressed transport is that of the raw one with
        /compressed, unless `image/compressed` itself is remapped. camera_info is the neighbour of the image topic
        after remapping, unless `camera_info` itself is remapped.
    """
    base = node.resolve_topic_name(prefix + "image")
    image = base
    if transport == "compressed":
        image = _remapped(node, prefix + "image/compressed") or f"{base}/compressed"
        base = image.removesuffix("/compressed")
    return image, _remapped(node, prefix + "camera_info") or f"{base.rsplit('/', 1)[0]}/camera_info"


def _remapped(node: Any, name: str) -> str | None:
    resolved = node.resolve_topic_name(name)
    return resolved if resolved != node.resolve_topic_name(name, only_expand=True) else None
