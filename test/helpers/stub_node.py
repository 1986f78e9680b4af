# SPDX-License-Identifier: Apache-2.0
"""The real node, with the stub engine in place of the network, in a process forked from a server that has done the
imports, which take most of a start."""

import ctypes
import os
import signal
import sys

import cv2
import torch
from stub_engine import StubEngine

from prv2_ros.node.run import run

_PR_SET_PDEATHSIG = 1


def run_forked(arguments: list[str], log: str, env: dict[str, str]) -> None:
    """Run the node with this command line and environment; what it writes goes to the file `log`."""
    # A test that is killed leaves no node behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.clear()
    os.environ.update(env)
    # Threads that wait for each other are slow on a busy machine, and small images gain nothing from them.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sys.exit(run(StubEngine.load, ["depth_node", *arguments]))
