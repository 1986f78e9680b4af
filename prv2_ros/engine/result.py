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
        log_error: (h, w) float32 of the same view, at the coarse network's own resolution: the absolute error of log
            depth that the network expects (Laplace's b). None where the weights do not tell it, and where depth was
            measured.
    """

    depth: Tensor
    timing: FrameTiming
    log_error: Tensor | None = None
