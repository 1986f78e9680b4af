# SPDX-License-Identifier: Apache-2.0
"""The error for unusable images, with a fixed reason for counting."""

from prv2_ros.errors import ImageError


class RefusedImageError(ImageError):
    """An unusable image message; diagnostics count it by its short, fixed `reason`."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


def check_pixels(width: int, height: int, max_pixels: float) -> None:
    """Check a size; raises RefusedImageError with reason "zero_size" or "too_large"."""
    if width < 1 or height < 1:
        raise RefusedImageError("zero_size", f"image of {width}x{height} pixels is empty")
    if width * height > max_pixels:
        raise RefusedImageError(
            "too_large",
            f"image of {width}x{height} pixels exceeds max_input_megapixels {max_pixels / 1e6:g}",
        )
