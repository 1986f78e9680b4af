# SPDX-License-Identifier: Apache-2.0
"""What the rooms below the node log with Python's logging, out of memory for one, goes to the ROS log."""

import logging
from typing import Any

from rclpy.logging import LoggingSeverity


class LogBridge(logging.Handler):
    """Hands records of the package's loggers to an rclpy logger until it is closed.

    Args:
        logger: rclpy logger.
    """

    def __init__(self, logger: Any):
        super().__init__(logging.DEBUG)
        self._logger = logger
        ours = logging.getLogger("prv2_ros")
        ours.addHandler(self)
        if logger.is_enabled_for(LoggingSeverity.DEBUG):
            ours.setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; each severity has a line of its own because rclpy ties a severity to its line."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)

    def close(self) -> None:
        """Stop listening."""
        logging.getLogger("prv2_ros").removeHandler(self)
        super().close()
