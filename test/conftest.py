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
# Workers of pytest-xdist share a run's id, so each takes a domain of its own out of the run's eight.
_run, _worker = os.environ.get("PYTEST_XDIST_TESTRUNUID"), os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_first = 8 * random.Random(_run or random.SystemRandom().random()).randrange(12)
os.environ["ROS_DOMAIN_ID"] = str(1 + _first + int(_worker.removeprefix("gw")) % 8)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
THREADS = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = str(Path(__file__).parent / "helpers" / "udp_only.xml")
# Building for OpenVINO takes seconds: tests of the runtimes ask for it, the others compute by torch. Nothing is read
# from the user's cache or left in it.
os.environ.setdefault("PRV2_RUNTIME", "torch")
os.environ["PRV2_CACHE"] = str(Path(tempfile.gettempdir()) / f"prv2-test-cache-{os.getuid()}")
os.environ["PYTHONPATH"] = os.pathsep.join(
    path for path in (str(Path(__file__).parent / "helpers"), os.environ.get("PYTHONPATH")) if path
)


@pytest.fixture(autouse=True)
def keep_torch_settings():
    """Training flushes denormal numbers for its whole process, and hypothesis refuses to draw floats in such a process;
    commands set torch's threads, and two processes of two threads each on two cores crawl."""
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
        sys.modules["torch"].set_num_threads(threads or THREADS)


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


_started = time.time()


def pytest_sessionfinish():
    from shared_memory import remove_orphans

    remove_orphans(_started)


@pytest.fixture
def figure(record_property):
    """Function that prints a measured line at the end of the run, also from a worker of pytest-xdist."""
    return lambda line: record_property("figure", line)


# Tests with other processes wait for them in wall-clock time, which a busy machine may not give them. They are repeated
# twice; a real bug fails three times.
_OVER_DDS = ("node", "launch", "demo")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in _OVER_DDS:
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(7200))


def pytest_terminal_summary(terminalreporter):
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    called = [report for report in reports if getattr(report, "when", None) == "call"]
    figures = [value for report in called for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)
