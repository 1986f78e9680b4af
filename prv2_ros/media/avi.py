# SPDX-License-Identifier: Apache-2.0
"""The index of an AVI file: which frames exist, since decoders do not number the missing ones."""

import struct
from pathlib import Path
from typing import BinaryIO

_LARGEST_INDEX = 1 << 26


def frames_that_are_there(path: Path) -> list[int] | None:
    """Numbers of the frames whose data are where the index says; None without an index (idx1)."""
    try:
        with path.open("rb") as file:
            return _check(file)
    except (OSError, struct.error, ValueError):
        return None


def _check(file: BinaryIO) -> list[int] | None:
    if file.read(4) != b"RIFF" or len(file.read(8)) != 8:
        return None
    movie, index = None, None
    while len(head := file.read(8)) == 8:
        kind, size = head[:4], struct.unpack("<I", head[4:])[0]
        begin = file.tell()
        if kind == b"LIST" and file.read(4) == b"movi":
            movie = begin
        elif kind == b"idx1" and size <= _LARGEST_INDEX:
            file.seek(begin)
            index = file.read(size)
        file.seek(begin + size + size % 2)
    if movie is None or index is None:
        return None
    entries = [struct.unpack_from("<4sIII", index, at) for at in range(0, len(index) - 15, 16)]
    # Frames of the first numbered stream with pictures ("dc" compressed, "db" not).
    stream = next((kind for kind, *_ in entries if kind[2:] in (b"dc", b"db")), None)
    if stream is None:
        return None
    frames = [
        (offset, size) for kind, _, offset, size in entries if kind[:2] == stream[:2] and kind[2:] in (b"dc", b"db")
    ]
    # Offsets count from the list's name or from the start of the file.
    base = movie if frames[0][0] < movie else 0
    found = []
    for number, (offset, size) in enumerate(frames):
        file.seek(base + offset)
        head = file.read(8)
        # An empty frame repeats the one before: the camera was slower than the video's rate.
        if size and len(head) == 8 and head[:2] == stream[:2] and struct.unpack("<I", head[4:])[0] == size:
            found.append(number)
    return found
