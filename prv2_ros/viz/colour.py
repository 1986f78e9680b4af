# SPDX-License-Identifier: Apache-2.0
"""Depth as colours: near is warm, far is cold, unknown is black; the scale bar beneath is in metres.

The scale is logarithmic: a step of 10 % looks the same at 1 m and at 50 m.
"""

import math

import cv2
import numpy as np

from prv2_ros.errors import ImageError

_LIMIT_SAMPLES = 200_000
_INK = (20, 20, 20)
# (256, 3) uint8 RGB, red to blue, without turbo's dark ends: black is unknown depth.
_POSITIONS = np.linspace(242, 16, 256).round().astype(np.uint8)
_TABLE = np.ascontiguousarray(cv2.applyColorMap(_POSITIONS[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1])


def depth_limits(depth_m: np.ndarray) -> tuple[float, float]:
    """(near, far) in metres: the 1st and 99th percentiles of the known, finite depth of an (H, W) map.

    far > near; (0.1, 10.0) when nothing is known.
    """
    step = max(1, int(math.sqrt(depth_m.size / _LIMIT_SAMPLES)))
    sample = depth_m[::step, ::step]
    sample = sample[np.isfinite(sample) & (sample > 0)]
    if sample.size == 0:
        return 0.1, 10.0
    near, far = (float(value) for value in np.percentile(sample, (1, 99)))
    return near, max(far, near * 1.05)


def colour_depth(depth_m: np.ndarray, *, min: float | None = None, max: float | None = None) -> np.ndarray:
    """Colour a depth map.

    Args:
        depth_m: (H, W) metres along z. NaN, 0, negative and -Inf are unknown (black); +Inf has the far colour.
        min, max: limits of the scale in metres; None takes them from the picture (`depth_limits`).

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the map is not two-dimensional, or the limits are not in order.
    """
    if depth_m.ndim != 2:
        raise ImageError(f"a depth map has shape (H, W), this one has {depth_m.shape}")
    near, far = _resolve_limits(depth_m, min, max)
    position = _position(depth_m, near, far)
    picture = _TABLE[np.clip(position * 255.0 + 0.5, 0, 255).astype(np.uint8)]
    picture[~(depth_m > 0)] = 0
    return picture


def _resolve_limits(depth_m: np.ndarray, near: float | None, far: float | None) -> tuple[float, float]:
    if near is None or far is None:
        auto_near, auto_far = depth_limits(depth_m)
        near = auto_near if near is None else near
        far = auto_far if far is None else far
    if not 0 < near < far:
        raise ImageError(f"colour limits must be 0 < min < max, got {near} and {far} m")
    return near, far


def _position(depth_m: np.ndarray, near: float, far: float) -> np.ndarray:
    """Position of each depth on the scale, 0 at `near` and 1 at `far`; unknown depth is 0."""
    limited = np.clip(np.where(depth_m > 0, depth_m, near), near, far).astype(np.float32)
    return np.log(limited / np.float32(near)) / np.float32(math.log(far / near))


def scale_ticks(near: float, far: float, *, count: int = 8) -> list[float]:
    """Round values in metres between the limits, at most about `count`, for the scale bar."""
    ticks: list[float] = []
    if far / near > 3:
        decades = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
        for multiples in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            ticks = [m * 10.0**d for d in decades for m in multiples if near <= m * 10.0**d <= far]
            if len(ticks) <= count:
                break
        return ticks
    start = math.floor(math.log10(far - near)) - 1
    for step in (multiple * 10.0**exponent for exponent in range(start, 9) for multiple in (1, 2, 5)):
        first = math.ceil(near / step - 1e-9)
        ticks = [i * step for i in range(first, math.floor(far / step + 1e-9) + 1)]
        if len(ticks) <= count:
            break
    return ticks


def depth_picture(
    depth_m: np.ndarray, *, min: float | None = None, max: float | None = None, title: str = ""
) -> np.ndarray:
    """The coloured map (arguments as `colour_depth`) above a scale bar in metres with a `title`.

    Returns:
        (H + bar, W', 3) uint8 RGB; a map narrower than 320 pixels is centred on that width.
    """
    near, far = _resolve_limits(depth_m, min, max)
    picture = colour_depth(depth_m, min=near, max=far)
    missing = 320 - picture.shape[1]
    if missing > 0:
        picture = np.pad(picture, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)))
    return np.vstack([picture, scale_bar(picture.shape[1], near, far, title)])


def scale_bar(width: int, near: float, far: float, title: str = "") -> np.ndarray:
    """The scale of `depth_picture`: colours with ticks in metres, (height, width, 3) uint8 RGB."""
    size = float(np.clip(width / 1600, 0.4, 2.4))
    bar_height, margin, thick = round(26 * size), round(16 * size), max(1, round(1.5 * size))
    text_height = round(34 * size)
    title_height = text_height if title else 0
    canvas = np.full((title_height + margin + bar_height + text_height + margin // 2, width, 3), 255, np.uint8)
    left, right = margin * 2, width - margin * 4
    top = title_height + margin // 2
    bottom = top + bar_height
    canvas[top:bottom, left:right] = _TABLE[np.linspace(0, 255, right - left).round().astype(np.uint8)]
    font, font_size = cv2.FONT_HERSHEY_SIMPLEX, 0.75 * size

    def put(text: str, x: int, y: int) -> None:
        cv2.putText(canvas, text, (x, y), font, font_size, _INK, thick, cv2.LINE_AA)

    if title:
        put(title, left, title_height - round(8 * size))
    free_from = 0
    for tick in scale_ticks(near, far):
        x = left + round(float(_position(np.array(tick), near, far)) * (right - left - 1))
        cv2.line(canvas, (x, bottom), (x, bottom + round(7 * size)), _INK, thick)
        label = f"{tick:g} m"
        text_width = cv2.getTextSize(label, font, font_size, thick)[0][0]
        start = int(np.clip(x - text_width // 2, 0, width - text_width))
        if start >= free_from:
            put(label, start, bottom + text_height - round(4 * size))
            free_from = start + text_width + round(8 * size)
    return canvas
