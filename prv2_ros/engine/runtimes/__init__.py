# SPDX-License-Identifier: Apache-2.0
"""What computes the two networks: torch itself, OpenVINO or ONNX Runtime, behind one interface."""

from prv2_ros.engine.runtimes.choice import RUNTIMES, use_runtime

__all__ = ["RUNTIMES", "use_runtime"]
