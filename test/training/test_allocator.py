# SPDX-License-Identifier: Apache-2.0
"""The heap keeps what is freed, and lets go of it when told; each in a process of its own, for it is process-wide."""

import os
import platform
import subprocess
import sys

import pytest

from prv2_ros.training import allocator

PROGRAM = """
import resource, torch
from prv2_ros.training.allocator import keep_freed_memory
def faults():
    # A frame takes and frees the same maps again and again; the first few rounds settle where each of them lies.
    counts = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        maps = [torch.ones(mebibytes << 18) for mebibytes in (64, 40, 48)]
        maps[0] = maps[1] + maps[1]
        del maps
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return sum(counts[4:]) / 4
plain = faults()
print(keep_freed_memory(), end=" ")
kept = faults()
def resident():
    return int(open("/proc/self/statm").read().split()[1])
before = resident()
keep_freed_memory(False)
print(plain > 30000, kept < plain / 4, before - resident() > 20000)
"""

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")


def run(**environment):
    env = {**os.environ, **environment}
    env.pop("GLIBC_TUNABLES", None)
    return subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True).stdout


@needs_glibc
def test_a_freed_buffer_is_not_faulted_in_again():
    assert run().split() == ["True", "True", "True", "True"]


@needs_glibc
def test_the_environment_switches_it_off():
    assert run(**{allocator.VARIABLE: "0"}).split() == ["False", "True", "False", "False"]
