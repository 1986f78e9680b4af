# SPDX-License-Identifier: Apache-2.0
"""What all tests share: helpers on the path, a ROS domain of their own, and the real node as a process."""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "helpers"))
# No traffic leaves the machine, and two test runs on it do not hear each other.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))
os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = str(Path(__file__).parent / "helpers" / "udp_only.xml")
# Building for OpenVINO takes seconds: tests of the runtimes ask for it, the others compute by torch. Nothing is read
# from the user's cache or left in it.
os.environ.setdefault("PRV2_RUNTIME", "torch")
os.environ["PRV2_CACHE"] = str(Path(tempfile.gettempdir()) / f"prv2-test-cache-{os.getuid()}")
os.environ["PYTHONPATH"] = os.pathsep.join(
    path for path in (str(Path(__file__).parent / "helpers"), os.environ.get("PYTHONPATH")) if path
)


@pytest.fixture(scope="session")
def ros():
    """rclpy started for this process, with a probe that publishes, subscribes and calls services."""
    pytest.importorskip("rclpy", reason="needs ROS 2")
    from ros_harness import Probe

    probe = Probe()
    yield probe
    probe.close()


@pytest.fixture(scope="module")
def start_node(ros):
    """Function that starts the node with the stub engine as a process; all of them end with the module."""
    from ros_harness import NodeProcess

    running = []

    def start(**arguments):
        process = NodeProcess(ros, **arguments)
        running.append(process)
        return process

    yield start
    for process in running:
        process.stop()


_figures: list[str] = []
_started = time.time()


def pytest_sessionfinish():
    from shared_memory import remove_orphans

    remove_orphans(_started)


@pytest.fixture
def figure():
    """Function that keeps a measured line for the end of the run."""
    return _figures.append


# A test that speaks to other processes waits for them in seconds of the wall clock, which a busy machine can take away
# altogether. Such a test is tried twice more; what is broken fails thrice.
_OVER_DDS = ("node", "launch", "demo")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in _OVER_DDS:
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(7200))


def pytest_terminal_summary(terminalreporter):
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.write_line(line)
