# SPDX-License-Identifier: Apache-2.0
"""Coarse branches: `coarse(rgb (B, 3, h, w) in [0, 1])` gives metric depth and six features, fine to coarse.

One whose `tells_error` is true gives the expected absolute error of log depth as a third output, of any size.
"""

from prv2_ros.model.coarse.builders import COARSE_KINDS, create_coarse

__all__ = ["COARSE_KINDS", "create_coarse"]
