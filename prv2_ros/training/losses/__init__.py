# SPDX-License-Identifier: Apache-2.0
"""Training losses on (B, 1, H, W) maps; a batch with nothing valid gives 0, never NaN."""

from prv2_ros.training.losses.gradient_match import gradient_match_loss
from prv2_ros.training.losses.silog import silog_loss

__all__ = ["gradient_match_loss", "silog_loss"]
