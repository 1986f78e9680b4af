# SPDX-License-Identifier: Apache-2.0
"""What a user names on the command line (files, folders, videos) as a flat list of frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.media.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


@dataclass(frozen=True)
class Source:
    """One thing to process.

    Attributes:
        path: The file.
        name: Where its outputs go below the output folder, without a suffix.
        is_video: Frames come from `video_frames` rather than `read_image`.
    """

    path: Path
    name: str
    is_video: bool


def find_sources(paths: list[Path]) -> list[Source]:
    """Images and videos named by `paths`; a folder stands for every image and video below it, by name.

    Two inputs of the same name keep their parents' names, so that neither overwrites the other.

    Raises:
        ImageError: A folder holds neither image nor video.
    """
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES)
            inside = [p for p in inside if p.is_file() and not p.name.startswith(".")]
            if not inside:
                raise ImageError(f"{path} holds no image or video ({' '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)})")
            found += [(p, p.relative_to(path).with_suffix("")) for p in inside]
        else:
            found.append((path, Path(path.stem)))
    sources, taken = [], set()
    for path, name in found:
        for candidate in (name, Path(path.name), Path(path.parent.name) / path.name):
            if candidate not in taken:
                break
        number = 2
        while candidate in taken:
            candidate = name.with_name(f"{name.name}-{number}")
            number += 1
        taken.add(candidate)
        sources.append(Source(path, candidate.as_posix(), path.suffix.lower() in VIDEO_SUFFIXES))
    return sources


def video_frames(path: Path) -> Iterator[np.ndarray]:
    """Frames of a video as (H, W, 3) uint8 RGB, one at a time.

    Raises:
        ImageError: The file cannot be opened or holds no frame.
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


def video_info(path: Path) -> tuple[float, int]:
    """Frames a second (25 when the file does not say) and the stated number of frames (0 = not stated)."""
    capture = cv2.VideoCapture(str(path))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    return (rate if 0 < rate < 1000 else 25.0), max(count, 0)
