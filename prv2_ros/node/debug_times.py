# SPDX-License-Identifier: Apache-2.0
"""debug/processing_time_ms as Autoware's tools read it where its messages are installed, else as a plain number."""

from typing import Any

try:
    from autoware_internal_debug_msgs.msg import Float64Stamped as TimeMessage
except ImportError:
    from std_msgs.msg import Float64 as TimeMessage

__all__ = ["TimeMessage", "time_message"]


def time_message(header: Any, milliseconds: float) -> TimeMessage:
    """Message of a time [ms] that belongs to the frame of this header."""
    message = TimeMessage(data=float(milliseconds))
    if hasattr(message, "stamp"):
        message.stamp = header.stamp
    return message
