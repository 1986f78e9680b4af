# SPDX-License-Identifier: Apache-2.0
"""Device, precision, weights and timing around the network. Knows nothing of ROS.

The names are resolved on first use: clouds and filters need torch alone, and the networks' libraries take seconds to
import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prv2_ros.engine.engine import DepthEngine as DepthEngine
    from prv2_ros.engine.result import DepthResult as DepthResult
    from prv2_ros.engine.timing import FrameTiming as FrameTiming

_PUBLIC = {
    "DepthEngine": "prv2_ros.engine.engine",
    "DepthResult": "prv2_ros.engine.engine",
    "FrameTiming": "prv2_ros.engine.timing",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'prv2_ros.engine' has no attribute '{name}'; it has {', '.join(_PUBLIC)}")
    return getattr(import_module(_PUBLIC[name]), name)
