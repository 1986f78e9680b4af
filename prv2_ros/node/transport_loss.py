# SPDX-License-Identifier: Apache-2.0
"""Counts images that were sent but never arrived, from the sequence numbers that the middleware gives them."""

from collections import OrderedDict
from typing import Any

_PUBLISHERS = 16


class TransportLoss:
    """Gaps in the publication sequence numbers of each publisher; 0 where the middleware gives none."""

    def __init__(self) -> None:
        self._last: OrderedDict[Any, int] = OrderedDict()

    def before(self, info: Any) -> int:
        """How many messages of the same publisher were lost right before this one (`rclpy` message info)."""
        number = info.get("publication_sequence_number")
        if number is None:
            return 0
        gid = info.get("publisher_gid") or {}
        publisher = bytes(gid["data"]) if isinstance(gid, dict) and "data" in gid else str(gid)
        last = self._last.pop(publisher, number - 1)
        self._last[publisher] = number
        if len(self._last) > _PUBLISHERS:
            self._last.popitem(last=False)
        return max(0, number - last - 1)
