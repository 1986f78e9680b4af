# SPDX-License-Identifier: Apache-2.0
"""Runs the parts of a recording in this process, in worker processes, or on a cluster."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from prv2_ros.bags.convert.frame import FrameOptions
from prv2_ros.bags.convert.part import convert_parts
from prv2_ros.bags.convert.part_result import PartResult
from prv2_ros.bags.convert.plan import Part
from prv2_ros.engine import DepthEngine
from prv2_ros.errors import Prv2Error


@dataclass(frozen=True)
class Options:
    """Options of a conversion.

    Attributes:
        weights, device, precision, grid, mode, sharpen_edges, runtime, coarse: As for `DepthEngine.load`.
        images: Image topics; None: all with pictures.
        prefix: Prefix of the output topics; None: each camera's namespace.
        calibrations: (image topic or None for all, calibration file) to use instead of camera_info.
        input_rectified: All images are rectified (those called image_rect... always are).
        threads: CPU threads of each process; they affect the last bits of depth, the number of workers does not.
        frames_a_part: Images in each output file, which a crash costs at most, for each worker.
        frame: Options of a frame.
    """

    weights: str = "prv2s"
    device: str = "auto"
    precision: str = "auto"
    grid: tuple[int, int] | None = None
    mode: str = "p16"
    sharpen_edges: bool = True
    runtime: str = "auto"
    coarse: str | None = None
    images: tuple[str, ...] | None = None
    prefix: str | None = None
    calibrations: tuple[tuple[str | None, str], ...] = ()
    input_rectified: bool = False
    threads: int = os.cpu_count() or 1
    frames_a_part: int = 16
    frame: FrameOptions = field(default_factory=FrameOptions)


def run_jobs(
    jobs: list[tuple], workers: int, ray_address: str | None, one_more: Callable[[], None]
) -> Iterator[PartResult]:
    """Results of the jobs (arguments of `run_parts`) as they finish.

    Args:
        jobs: One for each part; in this process one job may have many parts.
        workers: Processes; 1: this one.
        ray_address: None, or a Ray cluster.
        one_more: Called after each image.
    """
    if not jobs:
        return
    if ray_address is None and workers == 1:
        for job in jobs:
            yield from run_parts(*job, progress=one_more)
        return
    for result in _in_processes(jobs, workers) if ray_address is None else _on_ray(jobs, ray_address):
        for _ in range(result.frames + result.refused.total()):
            one_more()
        yield result


def _in_processes(jobs: list[tuple], workers: int) -> Iterator[PartResult]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            with _interrupts_held_back():
                waiting = {pool.submit(run_job, *job) for job in jobs}
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
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


def _on_ray(jobs: list[tuple], address: str) -> Iterator[PartResult]:
    """Run the jobs on a Ray cluster; Ray is an optional package."""
    try:
        import ray
    except ImportError:
        raise Prv2Error("--ray needs the package ray: pip install 'ray[default]'") from None
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


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Child processes ignore Ctrl-C, so that only this process handles it and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_engines: dict[tuple, Any] = {}


def loaded_engine(options: Options) -> Any:
    """The engine, which this process keeps from part to part."""
    torch.set_num_threads(options.threads)
    names = ("weights", "device", "precision", "grid", "mode", "sharpen_edges", "runtime", "coarse")
    chosen = {name: getattr(options, name) for name in names}
    key = tuple(chosen.values())
    if key not in _engines:
        _engines.clear()
        try:
            _engines[key] = DepthEngine.load(**chosen)
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
    return convert_parts(bag, out, parts, cameras, infos, loaded_engine(options), options.frame, progress=progress)


def run_job(*job: Any) -> PartResult:
    """Convert the part of a job in a worker process."""
    (result,) = run_parts(*job)
    return result
