# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes drawn with MuJoCo: colour and exact depth for training, tests and the demo."""

from prv2_ros.render.families import FAMILIES
from prv2_ros.render.frames import Frame, build_scene, render_frame, render_sequence, render_views
from prv2_ros.render.gl import RenderError
from prv2_ros.render.sensor import Sensor

__all__ = ["FAMILIES", "Frame", "RenderError", "Sensor", "build_scene", "render_frame", "render_sequence"]
__all__ += ["render_views"]
