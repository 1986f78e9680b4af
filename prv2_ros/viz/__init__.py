# SPDX-License-Identifier: Apache-2.0
"""Pictures: depth in colours with a scale in metres, and the coloured point cloud seen from above."""

from prv2_ros.viz.cloud import cloud_points, render_cloud_picture
from prv2_ros.viz.colour import colour_depth, depth_limits, depth_picture

__all__ = ["cloud_points", "colour_depth", "depth_limits", "depth_picture", "render_cloud_picture"]
