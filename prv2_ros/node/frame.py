# SPDX-License-Identifier: Apache-2.0
"""An image on its way through the node."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """An image on its way to the worker.

    Args:
        message: sensor_msgs/Image or CompressedImage.
        received: `time.perf_counter()` of its arrival [s].
        session: which activation of the node it belongs to.
    """

    message: Any
    received: float
    session: int
