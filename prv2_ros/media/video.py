# SPDX-License-Identifier: Apache-2.0
"""Frames of videos, with correct numbers and times even after damage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.media.avi import frames_that_are_there

# Containers that count their frames; for others OpenCV derives the number from the duration.
_COUNTING = (".avi", ".mp4", ".mov", ".m4v")
_DEFAULT_RATE_HZ = 25.0
# Intervals that differ by more than this from the usual one are a variable rate or a gap.
_SAME_INTERVAL = 0.25
# A stated duration may be longer than the pictures: of the sound, or rounded.
_SLACK_S = 1.0


@dataclass(frozen=True)
class VideoFacts:
    """Facts from one pass over a video.

    Attributes:
        rate_hz: Stated frame rate.
        stated: Stated number of frames, 0 for none.
        numbers, times_s: Number (from 0) and time of each readable frame.
        variable: The rate varies, so times are not numbers / rate.
        damage: None, or a phrase after the file's name.
    """

    rate_hz: float
    stated: int
    numbers: tuple[int, ...]
    times_s: tuple[float, ...]
    variable: bool
    damage: str | None


def video_frames(path: Path) -> Iterator[np.ndarray]:
    """Frames of a video as (H, W, 3) uint8 RGB, one at a time.

    Raises:
        ImageError: The file cannot be opened or has no frame.
    """
    if not path.is_file():
        raise ImageError(f"cannot read {path}: No such file or directory")
    capture = cv2.VideoCapture(str(path))
    try:
        done, frame = capture.read()
        if not done:
            raise ImageError(f"{path} is not a video that can be read")
        while done:
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            done, frame = capture.read()
    finally:
        capture.release()


def look_through(path: Path) -> VideoFacts:
    """One pass over a video without converting its frames.

    Raises:
        ImageError: The file cannot be opened or has no frame.
    """
    if not path.is_file():
        raise ImageError(f"cannot read {path}: No such file or directory")
    capture = cv2.VideoCapture(str(path))
    try:
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        stated = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        times = []
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    finally:
        capture.release()
    if not times:
        raise ImageError(f"{path} is not a video that can be read")
    rate_hz = rate_hz if 0 < rate_hz < 1000 else _DEFAULT_RATE_HZ
    return judge(
        times,
        rate_hz=rate_hz,
        stated=stated,
        counted=path.suffix.lower() in _COUNTING,
        there=frames_that_are_there(path) if path.suffix.lower() == ".avi" else None,
    )


def judge(
    times_s: list[float], *, rate_hz: float, stated: int, counted: bool, there: list[int] | None = None
) -> VideoFacts:
    """Numbers and times of the frames, and what is missing.

    Args:
        times_s: Times of the readable frames by the decoder [s].
        rate_hz, stated: Stated rate and number of frames (0: none).
        counted: The container counts its frames; otherwise the number comes from the duration.
        there: Frame numbers by the file's index, if it has one.
    """
    count = len(times_s)
    if any(later <= earlier for earlier, later in zip(times_s, times_s[1:])):
        # Missing or impossible times: assume a constant rate.
        times_s = [number / rate_hz for number in range(count)]
    missing = stated - count if counted else 0
    if not counted and stated and times_s[-1] - times_s[0] + 1 / rate_hz + _SLACK_S < stated / rate_hz:
        # The end is missing.
        missing = stated - count
    variable = _varies(times_s, rate_hz)
    numbers = list(range(count))
    if missing > 0:
        if there is not None and len(there) == count:
            numbers, variable = there, False
            times_s = [number / rate_hz for number in numbers]
        elif not variable or counted:
            by_time = [round((time - times_s[0]) * rate_hz) for time in times_s]
            rising = all(later > earlier for earlier, later in zip(by_time, by_time[1:]))
            if rising and count < by_time[-1] + 1 <= stated:
                numbers, variable = by_time, False
    damage = _words(numbers, stated) if missing > 0 else None
    return VideoFacts(rate_hz, stated, tuple(numbers), tuple(times_s), variable, damage)


def _varies(times_s: list[float], rate_hz: float) -> bool:
    """Whether the intervals differ from the stated rate."""
    intervals = np.diff(times_s)
    if intervals.size == 0:
        return False
    return bool((np.abs(intervals * rate_hz - 1) > _SAME_INTERVAL).any())


def _words(numbers: list[int], stated: int) -> str:
    text = f"is damaged: {len(numbers)} of the {stated} stated frames could be read"
    holes = [(a + 1, b - 1) for a, b in zip(numbers, numbers[1:]) if b > a + 1]
    if numbers[0] > 0:
        holes.insert(0, (0, numbers[0] - 1))
    if numbers[-1] < stated - 1:
        holes.append((numbers[-1] + 1, stated - 1))
    shown = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in holes[:5])
    return f"{text}; missing are {shown}{' and more' if len(holes) > 5 else ''}"
