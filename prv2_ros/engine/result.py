# SPDX-License-Identifier: Apache-2.0
"""What the engine gives to consumers that stay on its device."""

from dataclasses import dataclass

from torch import Tensor

from prv2_ros.engine.timing import FrameTiming


@dataclass(frozen=True)
class DepthResult:
    """Depth that has not left the device.

    Attributes:
        depth: (H, W) float32, metres.
        timing: what it cost; `download_ms` is 0.
    """

    depth: Tensor
    timing: FrameTiming
