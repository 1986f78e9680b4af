# SPDX-License-Identifier: Apache-2.0
"""Training losses on (B, 1, H, W) maps; a batch with nothing valid gives 0, never NaN."""

from prv2_ros.training.losses.dsd import dsd_loss
from prv2_ros.training.losses.gradient_match import gradient_match_loss
from prv2_ros.training.losses.local_ssigm import local_ssigm_loss
from prv2_ros.training.losses.ranking import edge_ranking_loss
from prv2_ros.training.losses.silog import silog_loss
from prv2_ros.training.losses.ssi import ssi_loss

__all__ = [
    "dsd_loss",
    "edge_ranking_loss",
    "gradient_match_loss",
    "local_ssigm_loss",
    "silog_loss",
    "ssi_loss",
]
