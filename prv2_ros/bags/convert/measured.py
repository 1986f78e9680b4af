# SPDX-License-Identifier: Apache-2.0
"""Measured depth from a topic of the recording, matched by the nearest stamp."""

from bisect import bisect_left
from contextlib import suppress
from typing import Any

import numpy as np

from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.bags.reader import BagReader
from prv2_ros.bags.types import COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.errors import DataError, ImageError


def check_topic(reader: BagReader, topic: str) -> None:
    """Check that a topic exists and holds images; raises DataError otherwise."""
    found = reader.topic(topic)
    if found.type not in (IMAGE_TYPE, COMPRESSED_TYPE):
        raise DataError(f"--coarse-topic {topic} holds {found.type}, not depth images")


class MeasuredTopic:
    """Measured depth of one recording, read again for each image.

    Args:
        reader: of the recording, for one thread.
        topic: of Image (32FC1, 16UC1) or compressedDepth messages.
        max_age_s: maximum time between the stamps of image and depth [s].
    """

    def __init__(self, reader: BagReader, topic: str, max_age_s: float):
        self._reader, self._topic, self._max_age_s = reader, topic, max_age_s
        places = set()
        # The plan has already reported any damage.
        with suppress(DataError):
            for record in reader.messages([topic]):
                with suppress(DataError):
                    header = reader.decode(record).header
                    places.add((header.stamp.sec * 10**9 + header.stamp.nanosec, record.time_ns, header.frame_id))
        self._places = sorted(places)

    def of(self, header: Any) -> np.ndarray:
        """Depth (h, w) float32 metres of an image's header.

        Raises:
            ImageError: none is near enough, or it cannot be used.
        """
        wanted = header.stamp.sec * 10**9 + header.stamp.nanosec
        same = [place for place in self._near(wanted) if header.frame_id in ("", place[2]) or not place[2]]
        best = min(same, key=lambda place: abs(place[0] - wanted), default=None)
        if best is None:
            raise ImageError(f"no depth on {self._topic} within {self._max_age_s:g} s of frame '{header.frame_id}'")
        stamp, time_ns, _ = best
        for record in self._reader.messages([self._topic], start_ns=time_ns, stop_ns=time_ns + 1):
            try:
                message = self._reader.decode(record)
                if stamp_ns(message) == stamp:
                    return read_depth_message(message)
            except DataError as error:
                raise ImageError(f"depth on {self._topic}: {error}") from error
        raise ImageError(f"depth on {self._topic} cannot be read again")

    def _near(self, wanted: int) -> list[tuple[int, int, str]]:
        reach = int(self._max_age_s * 1e9)
        first, end = (bisect_left(self._places, (limit,)) for limit in (wanted - reach, wanted + reach + 1))
        return self._places[first:end]
