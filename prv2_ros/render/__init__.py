# SPDX-License-Identifier: Apache-2.0
"""Rendered scenes with exact depth: MuJoCo draws them, a seed decides what they are."""

from prv2_ros.render.families import FAMILIES
from prv2_ros.render.frames import Frame, build_scene, render_frame, render_sequence, render_views
from prv2_ros.render.gl import RenderError
from prv2_ros.render.sensor import Sensor

__all__ = [
    "FAMILIES",
    "Frame",
    "RenderError",
    "Sensor",
    "build_scene",
    "render_frame",
    "render_sequence",
    "render_views",
]
