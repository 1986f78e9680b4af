# SPDX-License-Identifier: Apache-2.0
"""Camera of a rendered frame: pose in the world (z up) and pinhole intrinsics."""

import math
from typing import NamedTuple

import numpy as np


class Pose(NamedTuple):
    """Camera in the world: position in metres; yaw (0 looks along x, counter-clockwise), pitch (positive looks
    down) and roll (positive turns the camera clockwise), radians."""

    position: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def axes(self) -> np.ndarray:
        """(3, 3) with the camera's right, up and backward directions in the world as columns."""
        cy, sy, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        forward = np.array([cp * cy, cp * sy, -sp])
        right = np.array([sy, -cy, 0.0])
        up = np.cross(right, forward)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        return np.stack([cr * right - sr * up, sr * right + cr * up, -forward], 1)


class Camera(NamedTuple):
    """Pinhole: pixel (u, v) = (fx x / z + cx, fy y / z + cy), pixel centres at whole numbers."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_deg: float) -> "Camera":
        """Square pixels, principal point in the middle of the image."""
        focal = width / 2 / math.tan(math.radians(horizontal_deg) / 2)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    @property
    def fovy_deg(self) -> float:
        """Vertical field of view."""
        return math.degrees(2 * math.atan(self.height / 2 / self.fy))
