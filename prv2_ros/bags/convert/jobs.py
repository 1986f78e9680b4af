# SPDX-License-Identifier: Apache-2.0
"""Runs the parts of a recording in this process or in worker processes."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.convert.part import convert_parts
from prv2_ros.bags.convert.part_result import PartResult
from prv2_ros.bags.convert.plan import Part
from prv2_ros.engine import DepthEngine
from prv2_ros.errors import Prv2Error


def run_jobs(jobs: list[tuple], workers: int, one_more: Callable[[], None]) -> Iterator[PartResult]:
    """Results of the jobs (arguments of `run_parts`) as they finish.

    Args:
        jobs: One for each part; in this process one job may have many parts.
        workers: Processes; 1: this one.
        one_more: Called after each image.
    """
    if workers == 1:
        for job in jobs:
            yield from run_parts(*job, progress=one_more)
        return
    for result in _in_processes(jobs, workers):
        for _ in range(result.frames + result.refused.total()):
            one_more()
        yield result


def _in_processes(jobs: list[tuple], workers: int) -> Iterator[PartResult]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_ignore_interrupts) as pool:
        try:
            for future in as_completed([pool.submit(run_job, *job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise Prv2Error(
                "a worker process died, perhaps out of memory; run the same command with fewer --workers to continue"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _ignore_interrupts() -> None:
    """In a worker process: only the main process handles Ctrl-C, and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_engines: dict[tuple, Any] = {}


def loaded_engine(options: Options) -> Any:
    """The engine, which this process keeps from part to part."""
    torch.set_num_threads(options.threads)
    key = tuple(sorted(options.engine.items()))
    if key not in _engines:
        _engines.clear()
        try:
            _engines[key] = DepthEngine.load(**options.engine)
        except ValueError as error:
            raise error if isinstance(error, Prv2Error) else Prv2Error(str(error)) from error
    return _engines[key]


def run_parts(
    bag: Path,
    out: Path,
    parts: list[Part],
    cameras: tuple,
    infos: dict,
    options: Options,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[PartResult]:
    """Convert parts in this process; arguments as for `convert_parts`."""
    return convert_parts(bag, out, parts, cameras, infos, loaded_engine(options), options, progress=progress)


def run_job(*job: Any) -> PartResult:
    """Convert the part of a job in a worker process."""
    (result,) = run_parts(*job)
    return result
