# SPDX-License-Identifier: Apache-2.0
"""Guided Denoising Unit: a residual unit gated under the coarse feature's guidance (paper, section 3.3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import activation_norm, conv1, conv3

GATES = ("sigmoid", "fusion", "none")


class GuidedDenoisingUnit(nn.Module):
    """U(x, f_c): r = x + conv(ReLU(x)), then r * sigmoid(CB(r, f_c)).

    Args:
        channels: F, the width of x.
        coarse_channels: the width of the coarse feature.
        gate: "sigmoid", the paper's unit; "fusion", the ablation whose output is CB itself;
            "none", the ablation without CB.
        norm: "layer", the paper's, or "batch".
    """

    def __init__(self, channels: int, coarse_channels: int, *, gate: str = "sigmoid", norm: str = "layer"):
        super().__init__()
        if gate not in GATES:
            raise ValueError(f"unknown gate '{gate}': choose one of {', '.join(GATES)}")
        self.gate = gate
        self.residual = conv3(channels, channels, bias=True)
        if gate != "none":
            self.fuse = conv3(channels + coarse_channels, channels, bias=True)
            self.norm = activation_norm(norm, channels)
            self.project = conv1(channels, channels)

    def forward(self, x: Tensor, coarse: Tensor) -> Tensor:
        """Denoise x.

        Args:
            x: (B, F, H, W).
            coarse: (B, coarse_channels, H, W), the coarse feature of the same level.

        Returns:
            (B, F, H, W).
        """
        r = x + self.residual(F.relu(x))
        if self.gate == "none":
            return r
        m = self.project(F.relu(self.norm(self.fuse(torch.cat((r, coarse), dim=1)))))
        return r * torch.sigmoid(m) if self.gate == "sigmoid" else m
