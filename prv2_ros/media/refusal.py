# SPDX-License-Identifier: Apache-2.0
"""Images that cannot be used: each with a fixed word for counting, and the whole story."""

from prv2_ros.errors import ImageError


class RefusedImageError(ImageError):
    """An image message that cannot be used.

    Args:
        reason: short fixed word under which diagnostics count it.
        text: the whole story in one line.
    """

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


def check_pixels(width: int, height: int, max_pixels: float) -> None:
    """Refuse sizes of nothing, or of more than may be allocated.

    Raises:
        RefusedImageError: reason "zero_size" or "too_large".
    """
    if width < 1 or height < 1:
        raise RefusedImageError("zero_size", f"image of {width}x{height} pixels has no content")
    if width * height > max_pixels:
        raise RefusedImageError(
            "too_large",
            f"image of {width}x{height} pixels has more than max_input_megapixels {max_pixels / 1e6:g} allows",
        )
