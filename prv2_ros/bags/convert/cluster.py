# SPDX-License-Identifier: Apache-2.0
"""Parts of recordings on the machines of a Ray cluster; Ray is an optional package."""

from collections.abc import Iterator

from prv2_ros.bags.convert.part_result import PartResult
from prv2_ros.errors import Prv2Error


def run_on_ray(jobs: list[tuple], address: str) -> Iterator[PartResult]:
    """Results of the jobs in the order in which they are done.

    Args:
        jobs: Arguments of `run_job`.
        address: "local", "auto" or an address of Ray.

    Raises:
        Prv2Error: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise Prv2Error("--ray needs the package ray: pip install 'ray[default]'") from None
    from prv2_ros.bags.convert.jobs import run_job

    started = not ray.is_initialized()
    if started:
        ray.init(address=None if address == "local" else address, log_to_driver=False, include_dashboard=False)
    try:
        remote = ray.remote(run_job)
        waiting = [remote.remote(*job) for job in jobs]
        while waiting:
            finished, waiting = ray.wait(waiting)
            yield from ray.get(finished)
    finally:
        if started:
            ray.shutdown()
