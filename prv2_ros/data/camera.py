# SPDX-License-Identifier: Apache-2.0
"""The canonical camera: the network answers for one focal length, whatever camera took the picture.

A frame of W x H pixels with focal lengths fx, fy is stretched to the process size w x h, where its
focal lengths become fx * w / W and fy * h / H. Depth is proportional to the focal length of a camera
that sees the same picture, so the target is depth * canonical / sqrt(fx_process * fy_process).
"""

from dataclasses import dataclass

import numpy as np

PROCESS_SIZE = (384, 512)
CANONICAL_FOCAL_PX = 400.0


def canonical_scale(
    size: tuple[float, float],
    focal_px: tuple[float, float],
    *,
    process_size: tuple[int, int] = PROCESS_SIZE,
    canonical_focal_px: float = CANONICAL_FOCAL_PX,
) -> float:
    """Factor from real depth to canonical depth for a frame (or crop) seen whole at process size.

    Args:
        size: (H, W) of the frame in pixels.
        focal_px: (fx, fy) in pixels of that frame.
        process_size: (h, w) to which the frame is stretched.
        canonical_focal_px: the canonical focal length at process size.

    Returns:
        canonical depth / real depth.
    """
    fx_process = focal_px[0] * process_size[1] / size[1]
    fy_process = focal_px[1] * process_size[0] / size[0]
    return canonical_focal_px / float(np.sqrt(fx_process * fy_process))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera whose image is a part of another one; a pixel's centre lies at its index + 0.5.

    Attributes:
        size: (H, W) in pixels.
        focal_px: (fx, fy).
        centre_px: (cx, cy), may lie outside the image after a crop.
    """

    size: tuple[int, int]
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]

    def crop(self, x: float, y: float, width: float, height: float) -> "Camera":
        """The camera of the box that starts at (x, y): same focal lengths, principal point moved."""
        return Camera(
            size=(int(round(height)), int(round(width))),
            focal_px=self.focal_px,
            centre_px=(self.centre_px[0] - x, self.centre_px[1] - y),
        )

    def resize(self, size: tuple[int, int]) -> "Camera":
        """The camera after a stretch to `size` (H, W): each axis' focal length follows its own factor."""
        sx, sy = size[1] / self.size[1], size[0] / self.size[0]
        return Camera(
            size=size,
            focal_px=(self.focal_px[0] * sx, self.focal_px[1] * sy),
            centre_px=(self.centre_px[0] * sx, self.centre_px[1] * sy),
        )

    def flip(self) -> "Camera":
        """The camera after a left-right flip."""
        return Camera(self.size, self.focal_px, (self.size[1] - self.centre_px[0], self.centre_px[1]))

    def canonical_scale(
        self, *, process_size: tuple[int, int] = PROCESS_SIZE, canonical_focal_px: float = CANONICAL_FOCAL_PX
    ) -> float:
        """See `canonical_scale`: this camera's whole image is what the process size shows."""
        return canonical_scale(
            self.size, self.focal_px, process_size=process_size, canonical_focal_px=canonical_focal_px
        )
