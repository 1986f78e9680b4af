# SPDX-License-Identifier: Apache-2.0
"""What the engine takes: which images, and how a focal length scales canonical depth."""

import math

import numpy as np
import torch
from torch import Tensor

from prv2_ros.engine.transfer import to_device
from prv2_ros.errors import ImageError

MIN_SIDE_PX = 32
MAX_PIXELS = 1 << 28

Focal = float | tuple[float, float] | None
Picture = np.ndarray | Tensor


def check_image(rgb: Picture) -> None:
    """Refuse what cannot be computed.

    Raises:
        ImageError: not (H, W, 3) uint8, a side under 32 pixels, or an absurd area.
    """
    known = isinstance(rgb, (np.ndarray, Tensor))
    if not known or rgb.dtype not in (np.uint8, torch.uint8) or rgb.ndim != 3 or rgb.shape[2] != 3:
        what = f"{rgb.dtype} {tuple(rgb.shape)}" if known else type(rgb).__name__
        raise ImageError(f"image is {what}, expected uint8 (H, W, 3)")
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE_PX or height * width > MAX_PIXELS:
        raise ImageError(
            f"image of {width}x{height} pixels: each side must be at least {MIN_SIDE_PX} pixels "
            f"and the area at most {MAX_PIXELS}"
        )


def to_frame(rgb: Picture, device: torch.device) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1] on the device, from an (H, W, 3) uint8 image wherever that is."""
    # The permuted view of an (H, W, 3) image already is channels_last: no copy before the device.
    pixels = rgb if isinstance(rgb, Tensor) else torch.from_numpy(np.ascontiguousarray(rgb))
    return to_device(pixels, device).permute(2, 0, 1)[None].to(torch.float32).div_(255)


def focal_scale(
    size: tuple[int, int], focal_px: Focal, *, process_size: tuple[int, int], canonical_focal_px: float | None
) -> float:
    """What canonical depth is multiplied by to be metric for a camera.

    The frame is stretched to the process size, each axis by its own factor, so the focal length
    there is the geometric mean of both.

    Args:
        size: (height, width) of the image, pixels.
        focal_px: focal length in pixels of the image, one number or (fx, fy); None takes the camera for canonical.
        process_size: (height, width) of the network's input, pixels.
        canonical_focal_px: focal length at that size for which depth comes out in metres, or None.

    Raises:
        ImageError: the focal length is not positive and finite.
    """
    if focal_px is None or canonical_focal_px is None:
        return 1.0
    fx, fy = focal_px if isinstance(focal_px, (tuple, list)) else (focal_px, focal_px)
    if not (math.isfinite(fx) and math.isfinite(fy) and fx > 0 and fy > 0):
        raise ImageError(f"focal length {focal_px} px is not positive and finite; take it from the calibration")
    return math.sqrt(fx * process_size[1] / size[1] * fy * process_size[0] / size[0]) / canonical_focal_px
