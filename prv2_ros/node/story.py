# SPDX-License-Identifier: Apache-2.0
"""What the node tells at log level debug: what it runs with, which calibration a camera has and why, times a frame."""

import platform
from typing import Any

import rclpy
import torch
from rclpy.logging import LoggingSeverity

from prv2_ros.version import __version__

_STAGES = ("queue_wait", "convert", "upload", "coarse", "tiles", "assemble", "download", "publish", "total")


def tell_runtime(node: Any, engine: Any, values: Any) -> None:
    """What the network runs with, once it is configured."""
    node.get_logger().debug(
        f"prv2_ros {__version__}, runtime {engine.runtime}, Python {platform.python_version()}, torch "
        f"{torch.__version__} with {torch.get_num_threads()} threads, {rclpy.get_rmw_implementation_identifier()}"
    )
    height, width = engine.process_size
    node.get_logger().debug(
        f"grid {values['grid']}, mode {values['mode']}, process size {width}x{height} px, canonical focal length "
        f"{engine.canonical_focal_px} px, warm-up {values['warm_up_size']}"
    )


def tell_camera(camera: Any, frame_id: str, model: Any) -> None:
    """Which camera_info counts from now on, and what it means for the image."""
    if not camera.logger.is_enabled_for(LoggingSeverity.DEBUG):
        return
    what = "as it is" if not model.rectified else "rectified here" if model.remap else "rectified already"
    focal = "no metric scale" if model.focal_px is None else "fx {:.1f}, fy {:.1f} px".format(*model.focal_px)
    camera.logger.debug(
        f"image {model.width}x{model.height} px of frame '{frame_id[:64]}': {camera.calibration.source(frame_id)} from "
        f"'{camera.info_topic}'; {focal}; the image is used {what}"
    )


def tell_frame(camera: Any, timing: Any, wanted: set[str]) -> None:
    """Times of a frame, and what was published."""
    if not camera.logger.is_enabled_for(LoggingSeverity.DEBUG):
        return
    times = ", ".join(f"{stage} {getattr(timing, stage + '_ms'):.1f}" for stage in _STAGES)
    camera.logger.debug(
        f"frame {timing.header.stamp.sec}.{timing.header.stamp.nanosec:09d}: {times} ms; tiles {timing.tiles_refined} "
        f"of {timing.tiles_total}; published {', '.join(sorted(wanted)) or 'nothing'}"
    )
