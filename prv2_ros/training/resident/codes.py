# SPDX-License-Identifier: Apache-2.0
"""Depth as 16-bit codes of its logarithm: even relative steps from a desk to a street."""

import math

import numpy as np
import torch
from torch import Tensor

NEAREST_M, FARTHEST_M = 0.01, 2000.0
STEPS = 65000
LOG_NEAREST = math.log(NEAREST_M)
LOG_STEP = (math.log(FARTHEST_M) - LOG_NEAREST) / STEPS  # 0.019 %
UNKNOWN, SKY = 0, 65535


def encode_log_depth(depth_m: np.ndarray, *, step: int = 1) -> np.ndarray:
    """uint16 codes of depth in metres.

    Args:
        depth_m: metres; 0, negative and NaN are unknown, infinity is sky.
        step: codes are multiples of it, so that they compress better; 32 is 0.6 %.
    """
    known = np.isfinite(depth_m) & (depth_m > 0)
    log_depth = np.log(np.where(known, depth_m, 1.0))
    code = np.rint((log_depth - LOG_NEAREST) / (LOG_STEP * step)) * step
    code = np.where(known, np.clip(code, 1, STEPS), UNKNOWN)
    return np.where(np.isposinf(depth_m), SKY, code).astype(np.uint16)


def decode_log_depth(code: Tensor) -> Tensor:
    """float32 metres of integer codes: 0 unknown, infinity sky."""
    depth = torch.exp(code.float() * LOG_STEP + LOG_NEAREST)
    depth = torch.where(code == UNKNOWN, torch.zeros_like(depth), depth)
    return torch.where(code == SKY, torch.full_like(depth, math.inf), depth)
