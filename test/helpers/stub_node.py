# SPDX-License-Identifier: Apache-2.0
"""The real node as a process, with the stub engine in place of the network: `python stub_node.py --ros-args ...`."""

import sys

from stub_engine import StubEngine

from prv2_ros.node.__main__ import run

if __name__ == "__main__":
    sys.exit(run(StubEngine.load))
