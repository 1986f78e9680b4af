# SPDX-License-Identifier: Apache-2.0
"""Depth as colours: near is warm, far is cold, unknown is black; the scale beneath is in metres.

The scale is logarithmic by default, since a step of 10 % means the same to the eye at 1 m and at 50 m.
"""

import math
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError

UNKNOWN_RGB = (0, 0, 0)
SCALES = ("log", "linear")
_LIMIT_SAMPLES = 200_000


def _turbo() -> np.ndarray:
    """(256, 3) uint8 RGB, red to blue, without turbo's dark ends: black is kept for unknown depth."""
    positions = np.linspace(242, 16, 256).round().astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(positions[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1])


_TABLE = _turbo()


def depth_limits(depth_m: np.ndarray, *, low: float = 1.0, high: float = 99.0) -> tuple[float, float]:
    """Limits in metres that hold all but the outermost percentiles of the known, finite depth.

    Args:
        depth_m: (H, W) metres; 0, negative, NaN and infinity are not counted.
        low: Percentile of the near limit.
        high: Percentile of the far limit.

    Returns:
        (near, far), far > near; (0.1, 10.0) when nothing is known.
    """
    step = max(1, int(math.sqrt(depth_m.size / _LIMIT_SAMPLES)))
    sample = depth_m[::step, ::step]
    sample = sample[np.isfinite(sample) & (sample > 0)]
    if sample.size == 0:
        return 0.1, 10.0
    near, far = (float(value) for value in np.percentile(sample, (low, high)))
    return near, max(far, near * 1.05)


def colour_depth(
    depth_m: np.ndarray, *, min: float | None = None, max: float | None = None, scale: str = "log"
) -> np.ndarray:
    """Colour a depth map.

    Args:
        depth_m: (H, W) metres along z. NaN, 0, negative and -Inf are unknown (black); +Inf is the far colour.
        min: Near limit in metres; None takes it from the picture (`depth_limits`).
        max: Far limit in metres; None takes it from the picture.
        scale: "log" or "linear".

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: The map is not two-dimensional, or the limits or the scale make no sense.
    """
    if depth_m.ndim != 2:
        raise ImageError(f"a depth map has shape (H, W), this one has {depth_m.shape}")
    near, far = _resolve_limits(depth_m, min, max)
    position = _position(depth_m, near, far, scale)
    index = np.clip(position * 255.0 + 0.5, 0, 255).astype(np.uint8)
    picture = _TABLE[index]
    picture[~(depth_m > 0)] = UNKNOWN_RGB
    return picture


def _resolve_limits(depth_m: np.ndarray, near: float | None, far: float | None) -> tuple[float, float]:
    if near is None or far is None:
        auto_near, auto_far = depth_limits(depth_m)
        near = auto_near if near is None else near
        far = auto_far if far is None else far
    if not 0 < near < far:
        raise ImageError(f"colour limits must be 0 < min < max, got {near} and {far} m")
    return near, far


def _position(depth_m: np.ndarray, near: float, far: float, scale: str) -> np.ndarray:
    """Place of each depth on the scale, 0 at `near` and 1 at `far`; unknown depth is 0."""
    if scale not in SCALES:
        raise ImageError(f"scale must be one of {', '.join(SCALES)}, got '{scale}'")
    known = np.where(depth_m > 0, depth_m, near)
    limited = np.clip(known, near, far).astype(np.float32)
    if scale == "log":
        return np.log(limited / np.float32(near)) / np.float32(math.log(far / near))
    return (limited - np.float32(near)) / np.float32(far - near)


def scale_ticks(near: float, far: float, scale: str = "log", *, count: int = 8) -> list[float]:
    """Round values in metres between the limits, at most about `count` of them, for the scale bar."""
    if scale == "log" and far / near > 3:
        ticks: list[float] = []
        for multiples in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            decades = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
            ticks = [m * 10.0**d for d in decades for m in multiples if near <= m * 10.0**d <= far]
            if len(ticks) <= count:
                break
        return ticks
    for exponent in range(math.floor(math.log10(far - near)) - 1, 9):
        for multiple in (1, 2, 5):
            step = multiple * 10.0**exponent
            first = math.ceil(near / step - 1e-9)
            ticks = [i * step for i in range(first, math.floor(far / step + 1e-9) + 1)]
            if len(ticks) <= count:
                return ticks
    return []


def depth_picture(
    depth_m: np.ndarray, *, min: float | None = None, max: float | None = None, scale: str = "log", title: str = ""
) -> np.ndarray:
    """The coloured map with a labelled scale bar in metres beneath it.

    Args:
        depth_m: (H, W) metres, as in `colour_depth`.
        min: Near limit in metres, or None.
        max: Far limit in metres, or None.
        scale: "log" or "linear".
        title: Words at the left end of the bar.

    Returns:
        (H + bar, W', 3) uint8 RGB; a map narrower than 320 pixels is centred on that width.
    """
    near, far = _resolve_limits(depth_m, min, max)
    picture = colour_depth(depth_m, min=near, max=far, scale=scale)
    width = picture.shape[1]
    total = width if width >= 320 else 320
    if total > width:
        left = (total - width) // 2
        picture = np.pad(picture, ((0, 0), (left, total - width - left), (0, 0)))
    return np.vstack([picture, scale_bar(total, near, far, scale, title)])


def scale_bar(width: int, near: float, far: float, scale: str = "log", title: str = "") -> np.ndarray:
    """The scale beneath `depth_picture`: colours with ticks in metres, (height, width, 3) uint8 RGB."""
    size = float(np.clip(width / 1600, 0.4, 2.4))
    bar_height, margin, thick = round(26 * size), round(16 * size), max(1, round(1.5 * size))
    text_height = round(34 * size)
    title_height = text_height if title else 0
    canvas = np.full((title_height + margin + bar_height + text_height + margin // 2, width, 3), 255, np.uint8)
    left, right = margin * 2, width - margin * 4
    top = title_height + margin // 2
    ramp = np.linspace(0, 255, right - left).round().astype(np.uint8)
    canvas[top : top + bar_height, left:right] = _TABLE[ramp]
    font, font_size = cv2.FONT_HERSHEY_SIMPLEX, 0.75 * size

    def put(text: str, x: int, y: int) -> None:
        cv2.putText(canvas, text, (x, y), font, font_size, (20, 20, 20), thick, cv2.LINE_AA)

    if title:
        put(title, left, title_height - round(8 * size))
    free_from = 0
    for tick in scale_ticks(near, far, scale):
        position = float(_position(np.array([[tick]], np.float32), near, far, scale)[0, 0])
        x = left + round(position * (right - left - 1))
        cv2.line(canvas, (x, top + bar_height), (x, top + bar_height + round(7 * size)), (20, 20, 20), thick)
        label = f"{tick:g} m"
        text_width = cv2.getTextSize(label, font, font_size, thick)[0][0]
        start = int(np.clip(x - text_width // 2, 0, width - text_width))
        if start >= free_from:
            put(label, start, top + bar_height + text_height - round(4 * size))
            free_from = start + text_width + round(8 * size)
    return canvas


def save_depth_picture(
    path: str | Path,
    depth_m: np.ndarray,
    *,
    min: float | None = None,
    max: float | None = None,
    scale: str = "log",
    title: str = "",
) -> None:
    """Write `depth_picture` to a PNG or JPEG file.

    Raises:
        ImageError: The file cannot be written.
    """
    from prv2_ros.media import write_image

    write_image(path, depth_picture(depth_m, min=min, max=max, scale=scale, title=title))
