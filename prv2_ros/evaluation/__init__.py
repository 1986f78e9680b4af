# SPDX-License-Identifier: Apache-2.0
"""How good a depth map is: accuracy, edges, consistency of tiles, and the loop over a data set."""

from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.evaluation.consistency import consistency_error
from prv2_ros.evaluation.metrics import depth_metrics, disparity_jumps

__all__ = ["boundary_metrics", "consistency_error", "depth_metrics", "disparity_jumps"]
