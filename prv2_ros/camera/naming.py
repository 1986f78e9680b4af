# SPDX-License-Identifier: Apache-2.0
"""What the name of an image topic says about its lens distortion."""

import re

_RECTIFIED = re.compile(r"(^|_)(rect|rectified|undistorted|undistort)(_|$)")


def says_rectified(topic: str) -> bool:
    """Whether an image topic, without its transport, is called rectified: image_rect, image_rect_color, left/rectified.

    The last two parts of the name count: the image's own, and that of the stream it belongs to (/cam/rect/image).
    """
    return any(_RECTIFIED.search(part) for part in topic.lower().rsplit("/", 2)[-2:])
