# SPDX-License-Identifier: Apache-2.0
"""Removal of lens distortion with precomputed maps."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Rectifier:
    """Rectification maps of one camera.

    Args:
        size: (width, height) of the image [px].
        k: (3, 3) intrinsics of the image.
        d: distortion coefficients.
        r: (3, 3) rotation of rectification.
        p: (3, 4) projection of the rectified image.
        fisheye: `d` belongs to OpenCV's fisheye model (equidistant), not to its polynomial one.
    """

    def __init__(
        self, size: tuple[int, int], *, k: np.ndarray, d: tuple[float, ...], r: np.ndarray, p: np.ndarray, fisheye: bool
    ):
        self._size = size
        if fisheye:
            maps = cv2.fisheye.initUndistortRectifyMap(k, np.array(d[:4]), r, p[:, :3], size, cv2.CV_32FC1)
        else:
            maps = cv2.initUndistortRectifyMap(k, np.array(d), r, p[:, :3], size, cv2.CV_32FC1)
        # Absurd coefficients must not overflow the integer maps.
        x, y = (
            np.clip(np.nan_to_num(part, nan=-9.0), -9.0, length + 9.0) for part, length in zip(maps, size, strict=True)
        )
        self._maps = cv2.convertMaps(x, y, cv2.CV_16SC2)
        outside = (x < 0) | (y < 0) | (x > size[0] - 1) | (y > size[1] - 1)
        self.outside = outside if outside.any() else None
        """(H, W) bool, true where the rectified image shows nothing; None when it is full."""
        self._on_device: tuple[torch.device, Tensor] | None = None
        self._outside_on_device: Tensor | None = None

    def outside_on(self, device: torch.device) -> Tensor | None:
        """`outside` as a tensor on a device; it is copied there once."""
        if self.outside is None:
            return None
        if self._outside_on_device is None or self._outside_on_device.device != device:
            self._outside_on_device = torch.from_numpy(self.outside).to(device)
        return self._outside_on_device

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Rectified (H, W, 3) uint8 image; black outside of the input."""
        return cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def depth(self, depth: np.ndarray) -> np.ndarray:
        """Rectified depth (H, W) float32 of a map of any size; never interpolated, NaN where there is none."""
        full = cv2.resize(depth.astype(np.float32, copy=False), self._size, interpolation=cv2.INTER_NEAREST)
        return cv2.remap(full, *self._maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=float("nan"))

    def on_device(self, rgb: Tensor) -> Tensor:
        """The same for an (H, W, 3) uint8 tensor on its own device; differs by at most one grey level."""
        if self._on_device is None or self._on_device[0] != rgb.device:
            self._on_device = (rgb.device, self._sampling_grid().to(rgb.device))
        picture = rgb.permute(2, 0, 1)[None].float()
        rectified = F.grid_sample(
            picture, self._on_device[1], mode="bilinear", padding_mode="zeros", align_corners=True
        )
        return rectified[0].permute(1, 2, 0).round_().to(torch.uint8)

    def _sampling_grid(self) -> Tensor:
        """(1, H, W, 2) positions in [-1, 1], exactly those that OpenCV samples."""
        positions = cv2.convertMaps(*self._maps, cv2.CV_32FC1)
        axes = (2 * part / max(length - 1, 1) - 1 for part, length in zip(positions, self._size, strict=True))
        return torch.from_numpy(np.stack(list(axes), axis=-1)).float()[None]
