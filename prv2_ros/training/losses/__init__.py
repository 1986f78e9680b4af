# SPDX-License-Identifier: Apache-2.0
"""Training losses on (B, 1, H, W) maps; a batch with nothing valid gives 0, never NaN.

In all of them `prediction` is depth in metres, `target` depth in metres or a pseudo label, where 0, NaN and infinity
mean unknown, and `mask` (bool) the pixels that count, None for every known target; the result is a scalar.
"""

from prv2_ros.training.losses.detail import dsd_loss, edge_ranking_loss, local_ssigm_loss
from prv2_ros.training.losses.maps import gradient_match_loss, silog_loss, ssi_loss

__all__ = ["dsd_loss", "edge_ranking_loss", "gradient_match_loss", "local_ssigm_loss", "silog_loss", "ssi_loss"]
