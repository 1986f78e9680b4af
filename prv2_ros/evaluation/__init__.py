# SPDX-License-Identifier: Apache-2.0
"""Quality of depth maps: accuracy, edges, consistency of tiles, and the loop over a data set."""

from prv2_ros.evaluation.boundary import boundary_metrics
from prv2_ros.evaluation.consistency import consistency_error, engine_consistency
from prv2_ros.evaluation.evaluate import BudgetedEngine, evaluate
from prv2_ros.evaluation.metrics import depth_metrics, disparity_jumps
from prv2_ros.evaluation.report import EvaluationReport, FrameResult

__all__ = ["BudgetedEngine", "EvaluationReport", "FrameResult", "boundary_metrics", "consistency_error"]
__all__ += ["depth_metrics", "disparity_jumps", "engine_consistency", "evaluate"]
