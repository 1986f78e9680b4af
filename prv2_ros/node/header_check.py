# SPDX-License-Identifier: Apache-2.0
"""What is odd about the stamps and frames of a camera's images."""

from collections.abc import Callable
from typing import Any

_FRAMES_TOLD = 16


class HeaderCheck:
    """Of one camera since its activation.

    Args:
        note: called with (reason, text) for whatever is odd.
    """

    def __init__(self, note: Callable[[str, str], None]):
        self._note = note
        self._stamp_ns = 0
        self._frames: set[str] = set()

    def __call__(self, header: Any, *, frame_matters: bool) -> None:
        """Look at the header of an image; its frame is of no interest where another one is used in its place."""
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        if stamp_ns < self._stamp_ns:
            self._note("stamp_backwards", "image stamps go backwards")
        self._stamp_ns = stamp_ns
        frame = header.frame_id
        if not frame_matters or frame in self._frames or len(self._frames) >= _FRAMES_TOLD:
            return
        if not frame:
            self._note("no_frame_id", "images have no frame_id: nobody can tell where the depth is")
            return
        self._frames.add(frame)
        if "optical" not in frame.lower():
            self._note(
                "frame_not_optical",
                f"images have the frame '{frame[:64]}', by its name not an optical one (z forward, x right): depth and "
                "points are stamped with it all the same; name the right one with optical_frame, or this one to say "
                "that it is",
            )
