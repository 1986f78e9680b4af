# SPDX-License-Identifier: Apache-2.0
"""debug/processing_time_ms as Autoware's tools read it where its messages are installed, else as a plain number."""

from importlib import import_module
from typing import Any

from std_msgs.msg import Float64

try:
    # By name: the package does not depend on Autoware.
    TimeMessage = import_module("autoware_internal_debug_msgs.msg").Float64Stamped
except ImportError:
    TimeMessage = Float64

__all__ = ["TimeMessage", "time_message"]


def time_message(header: Any, milliseconds: float) -> Any:
    """Message of a time [ms] that belongs to the frame of this header."""
    message = TimeMessage(data=float(milliseconds))
    if hasattr(message, "stamp"):
        message.stamp = header.stamp
    return message
