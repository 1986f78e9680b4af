# SPDX-License-Identifier: Apache-2.0
"""The ROS log: debug details of runtime, calibration and frames, and the records of Python's logging."""

import logging
import platform
from typing import Any

import rclpy
import torch
from rclpy.logging import LoggingSeverity

from prv2_ros.version import __version__

_STAGES = ("queue_wait", "convert", "upload", "coarse", "tiles", "assemble", "download", "publish", "total")


def log_runtime(node: Any, engine: Any, values: Any) -> None:
    """Log versions and settings after configuring."""
    node.get_logger().debug(
        f"prv2_ros {__version__}, runtime {engine.runtime}, Python {platform.python_version()}, torch "
        f"{torch.__version__} with {torch.get_num_threads()} threads, {rclpy.get_rmw_implementation_identifier()}"
    )
    height, width = engine.process_size
    node.get_logger().debug(
        f"grid {values['grid']}, mode {values['mode']}, process size {width}x{height} px, canonical focal length "
        f"{engine.canonical_focal_px} px, warm-up {values['warm_up_size']}"
    )


def log_camera(camera: Any, frame_id: str, model: Any) -> None:
    """Log which camera_info an image uses, and the resulting camera."""
    if not camera.logger.is_enabled_for(LoggingSeverity.DEBUG):
        return
    what = "not rectified" if not model.rectified else "rectified here" if model.remap else "rectified already"
    focal = "no focal length" if model.focal_px is None else "fx {:.1f}, fy {:.1f} px".format(*model.focal_px)
    camera.logger.debug(
        f"image {model.width}x{model.height} px of frame '{frame_id[:64]}': {camera.calibration.source(frame_id)} from "
        f"'{camera.info_topic}'; {focal}; the image is {what}"
    )


def log_frame(camera: Any, timing: Any, wanted: set[str]) -> None:
    """Log the times of a frame and its published outputs."""
    if not camera.logger.is_enabled_for(LoggingSeverity.DEBUG):
        return
    times = ", ".join(f"{stage} {getattr(timing, stage + '_ms'):.1f}" for stage in _STAGES)
    camera.logger.debug(
        f"frame {timing.header.stamp.sec}.{timing.header.stamp.nanosec:09d}: {times} ms; tiles {timing.tiles_refined} "
        f"of {timing.tiles_total}; published {', '.join(sorted(wanted)) or 'nothing'}"
    )


class LogBridge(logging.Handler):
    """Forwards log records of the package to an rclpy logger until closed."""

    def __init__(self, logger: Any):
        super().__init__(logging.DEBUG)
        self._logger = logger
        ours = logging.getLogger("prv2_ros")
        ours.addHandler(self)
        if logger.is_enabled_for(LoggingSeverity.DEBUG):
            ours.setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; each severity needs its own line, because rclpy ties the severity to the line."""
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
        """Stop forwarding."""
        logging.getLogger("prv2_ros").removeHandler(self)
        super().close()
