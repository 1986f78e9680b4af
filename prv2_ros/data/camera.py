# SPDX-License-Identifier: Apache-2.0
"""The canonical camera: the network answers for one focal length, whatever camera took the picture."""

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
    """Canonical depth / real depth of a frame (or crop) that is stretched to the process size.

    Stretching changes the focal lengths to fx * w / W and fy * h / H. Depth is proportional to the focal length of a
    camera that sees the same picture, so the target is depth * canonical / sqrt(fx_process * fy_process).

    Args:
        size: (H, W) of the frame in pixels.
        focal_px: (fx, fy) in pixels of that frame.
        process_size: (h, w) to which the frame is stretched.
        canonical_focal_px: the canonical focal length at process size.
    """
    fx_process = focal_px[0] * process_size[1] / size[1]
    fy_process = focal_px[1] * process_size[0] / size[0]
    return canonical_focal_px / float(np.sqrt(fx_process * fy_process))
