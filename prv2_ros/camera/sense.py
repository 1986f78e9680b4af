# SPDX-License-Identifier: Apache-2.0
"""Plausibility of intrinsics, for the node, recordings, calibration files and pictures.

Uncalibrated drivers send a focal length of 1 px, and numbers for another image size look plausible until depth turns
out a hundred times too small.
"""

import math

import numpy as np

# Outside of this range it is no pinhole camera, or the numbers belong to another one.
FIELD_OF_VIEW_DEG = (5.0, 175.0)
_MOST_ASPECT = 2.0
# Rectification changes the focal length and moves the principal point slightly.
_MOST_FOCAL_CHANGE = 5.0
_MOST_SHIFT = 0.2
# The principal point is near the middle of the image, except after crops.
_MIDDLE = 0.25


def field_of_view_deg(focal_px: float, size_px: float) -> float:
    """Field of view of `size_px` pixels of a pinhole camera [degrees]."""
    return 2 * math.degrees(math.atan2(size_px / 2, focal_px))


def why_no_focal(fx: float, fy: float, width: float, height: float) -> str | None:
    """What is wrong with a focal length [px] for an image of this size [px], or None."""
    if not (math.isfinite(fx) and math.isfinite(fy) and fx > 0 and fy > 0):
        return f"a focal length of {fx:g} x {fy:g} px is not finite and positive"
    views = (field_of_view_deg(fx, width), field_of_view_deg(fy, height))
    # Narrow stripes are images too: only the longer side has to show enough.
    if max(views) > FIELD_OF_VIEW_DEG[1] or views[0 if width >= height else 1] < FIELD_OF_VIEW_DEG[0]:
        least, most = FIELD_OF_VIEW_DEG
        return (
            f"a focal length of {fx:g} x {fy:g} px for {width:g}x{height:g} pixels is a field of view of "
            f"{views[0]:.1f} x {views[1]:.1f} degrees, which no camera has ({least:g} to {most:g} can be)"
        )
    if not 1 / _MOST_ASPECT <= fx / fy <= _MOST_ASPECT:
        return f"focal lengths of {fx:g} and {fy:g} px differ by more than a factor of {_MOST_ASPECT:g}"
    return None


def why_no_camera(matrix: np.ndarray, width: float, height: float) -> str | None:
    """What is wrong with intrinsics (3, 3) or (3, 4) for an image of this size [px], or None."""
    (fx, cx), (fy, cy) = matrix[0, [0, 2]].tolist(), matrix[1, [1, 2]].tolist()
    if not (0 <= cx <= width and 0 <= cy <= height):
        return f"the principal point {cx:g}, {cy:g} lies outside the image of {width:g}x{height:g} pixels"
    return why_no_focal(fx, fy, width, height)


def why_no_pair(k: np.ndarray, p: np.ndarray, width: float, height: float) -> str | None:
    """Why K (3, 3) and P (3, 4) cannot belong to one camera and one image size [px], or None."""
    for axis, size in ((0, width), (1, height)):
        change, shift = p[axis, axis] / k[axis, axis], abs(p[axis, 2] - k[axis, 2]) / size
        if not 1 / _MOST_FOCAL_CHANGE <= change <= _MOST_FOCAL_CHANGE or shift > _MOST_SHIFT:
            numbers = ", ".join(
                f"{name} has focal length {m[0, 0]:g} x {m[1, 1]:g} and principal point {m[0, 2]:g}, {m[1, 2]:g}"
                for name, m in (("K", k), ("P", p))
            )
            return f"K and P are not of one size of the image of {width:g}x{height:g} pixels: {numbers}"
    return None


def is_central(cx: float, cy: float, width: float, height: float) -> bool:
    """Whether a principal point lies in the middle half of an image of this size [px]."""
    return abs(cx / width - 0.5) <= _MIDDLE and abs(cy / height - 0.5) <= _MIDDLE
