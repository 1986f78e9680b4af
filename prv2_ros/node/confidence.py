# SPDX-License-Identifier: Apache-2.0
"""How sure the network is of a depth, from the error that it expects itself to make."""

import torch
from torch import Tensor

# Expected error of log depth at which the confidence is one half: about 10 % of the depth.
HALF_AT = 0.1


def confidence_of(log_error: Tensor) -> Tensor:
    """Confidence in [0, 1]: 1 for no expected error, 1/2 for 10 %, towards 0 for more; 0 where it is not known.

    Args:
        log_error: (H, W) float32 scale b of the error of log depth (Laplace), at least 0.
    """
    confidence = 1.0 / (1.0 + log_error.clamp(min=0.0) / HALF_AT)
    return torch.nan_to_num(confidence, nan=0.0)
