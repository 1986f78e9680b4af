# SPDX-License-Identifier: Apache-2.0
"""Inputs of the command line (files, folders, videos) as a flat list of files."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prv2_ros.errors import ImageError
from prv2_ros.media.picture_files import (
    HEIF_SUFFIXES,
    IMAGE_SUFFIXES,
    RAW_SUFFIXES,
    open_picture,
    read_heif,
    why_not_read,
)

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
_NAMED = 3


@dataclass(frozen=True)
class Source:
    """One image or video; `name` is its path below the output folder, without a suffix."""

    path: Path
    name: str
    is_video: bool


def find_sources(paths: list[Path], note: Callable[[str], object] = lambda text: None) -> list[Source]:
    """Images and videos of `paths`, with all below each folder; inputs of the same name get different output names.

    Args:
        paths: Files and folders.
        note: Called with a line for each kind of skipped files.

    Raises:
        ImageError: A folder has no image or video.
    """
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            found += [(file, file.relative_to(path).with_suffix("")) for file in _files_of(path, note)]
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


def _files_of(folder: Path, note: Callable[[str], object]) -> list[Path]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    chosen, left_out = [], defaultdict(list)
    for file in files:
        reason = _why_left_out(file)
        if reason is None:
            chosen.append(file)
        else:
            left_out[reason].append(file)
    lines = []
    for reason, names in left_out.items():
        shown = ", ".join(str(name.relative_to(folder)) for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"skipped in {folder}: {shown}{more}: {reason}")
    if not chosen:
        suffixes = " ".join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)
        raise ImageError("; ".join([f"{folder} has no image or video ({suffixes})", *lines]))
    for line in lines:
        note(line)
    return chosen


def _why_left_out(file: Path) -> str | None:
    suffix = file.suffix.lower()
    if suffix in IMAGE_SUFFIXES + VIDEO_SUFFIXES:
        return None
    if suffix in HEIF_SUFFIXES:
        data = file.read_bytes() if read_heif() else b""
        return None if data and open_picture(data) else why_not_read(file, data)
    return why_not_read(file) if suffix in RAW_SUFFIXES else "not an image or video"
