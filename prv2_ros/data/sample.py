# SPDX-License-Identifier: Apache-2.0
"""One frame with its depth."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    """A colour image with the metric depth of its pixels.

    Attributes:
        rgb: uint8 (H, W, 3).
        depth_m: float32 (H, W), metres along the optical axis; 0 = not measured, inf = sky.
        focal_px: (fx, fy) in pixels of `rgb`.
        name: the frame's name inside its set.
        sparse: depth comes from single range returns, so that most pixels are 0.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    focal_px: tuple[float, float]
    name: str
    sparse: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]
