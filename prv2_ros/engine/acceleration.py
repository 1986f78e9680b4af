# SPDX-License-Identifier: Apache-2.0
"""Faster ways to run a network: torch.compile and CUDA graphs, or both; each falls back with a warning."""

import gc
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from prv2_ros.engine.faults import is_device_lost, is_out_of_memory

ACCELERATIONS = ("auto", "none", "compile", "graphs", "compile-graphs")
AUTO_ON_CUDA = "graphs"
_WARM_UPS = 3

_log = logging.getLogger(__name__)

Run = Callable[..., Any]


def resolve_acceleration(how: str, device: torch.device) -> str:
    """The acceleration to use: "auto" is the fastest on CUDA. Elsewhere it is "none", with a warning for others.

    Raises:
        ValueError: `how` is none of `ACCELERATIONS`.
    """
    if how not in ACCELERATIONS:
        raise ValueError(f"unknown acceleration '{how}': choose {', '.join(ACCELERATIONS)}")
    if device.type != "cuda":
        if how not in ("auto", "none"):
            _log.warning("acceleration '%s' needs CUDA: running on '%s' without it", how, device)
        return "none"
    return AUTO_ON_CUDA if how == "auto" else how


def accelerate(run: Run, how: str, *, pool: "GraphPool | None" = None) -> Run:
    """What is given, or something around it that takes and gives the same.

    Args:
        run: on its device, with its weights.
        how: "none"; "compile", torch.compile, whose kernels stay in torch's cache on disk; "graphs", one CUDA graph for
            each shape; "compile-graphs", graphs of what is compiled.
        pool: memory and stream that graphs share.
    """
    if how.startswith("compile"):
        run = Compiled(run)
    if how.endswith("graphs"):
        run = Graphed(run, pool)
    return run


class _Fallback(ABC):
    """Runs a faster way until it fails once, then what it was made from.

    Args:
        run: what is run.
    """

    def __init__(self, run: Run):
        self.run = run
        self.failed = False

    def __call__(self, *given: Any) -> Any:
        if not self.failed:
            try:
                return self._faster(*given)
            except Exception as error:
                # Less at once may help against the one, nothing against the other.
                if is_out_of_memory(error) or is_device_lost(error):
                    raise
                self.failed = True
                self.clear()
                _log.warning("%s failed, continuing without it: %s", type(self).__name__.lower(), str(error)[:500])
        return self.run(*given)

    def clear(self) -> None:
        """Free memory that is kept between calls."""
        if isinstance(self.run, _Fallback):
            self.run.clear()

    @abstractmethod
    def _faster(self, *given: Any) -> Any:
        """As `run`, by the faster way."""


class Compiled(_Fallback):
    """Through torch.compile.

    Args:
        run: what is compiled: for the first size of batch, for a batch of one, and once for all others.
        backend: of torch.compile.
    """

    def __init__(self, run: Run, backend: Any = "inductor"):
        super().__init__(run)

        def call(*given: Any) -> Any:
            return run(*given)

        # Torch counts compilations by code object and silently gives up after eight: each run has its own code object.
        call.__code__ = call.__code__.replace()
        self._compiled = torch.compile(call, backend=backend)

    def _faster(self, *given: Any) -> Any:
        return self._compiled(*given)


class GraphPool:
    """Stream and memory that the graphs of one engine share; they are replayed one after the other."""

    def __init__(self, device: torch.device):
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.handle = torch.cuda.graph_pool_handle()


class Graphed(_Fallback):
    """Through CUDA graphs: one launch a call instead of hundreds.

    Args:
        run: what is captured, once for each shape of its arguments.
        pool: that it shares with others; needed where CUDA is.
    """

    def __init__(self, run: Run, pool: GraphPool | None):
        super().__init__(run)
        self._pool = pool
        self._graphs: dict[tuple, tuple[torch.cuda.CUDAGraph, tuple, Any]] = {}

    def clear(self) -> None:
        """Free the graphs and their memory."""
        self._graphs.clear()
        super().clear()

    def _faster(self, *given: Any) -> Any:
        tensors = tree_flatten(given)[0]
        key = tuple((tuple(t.shape), t.dtype, t.stride()) for t in tensors)
        if key not in self._graphs:
            self._graphs[key] = self._capture(given)
        graph, kept, output = self._graphs[key]
        for own, new in zip(tree_flatten(kept)[0], tensors, strict=True):
            own.copy_(new, non_blocking=True)
        graph.replay()
        # The next replay of any graph of the pool may write over it.
        return tree_map(Tensor.clone, output)

    def _capture(self, given: tuple) -> tuple[torch.cuda.CUDAGraph, tuple, Any]:
        if self._pool is None:
            raise RuntimeError("CUDA graphs need CUDA")
        kept = tree_map(Tensor.clone, given)
        # Cached casts of autocast would lie in the graph's memory and outlive it.
        uncached = torch.autocast(
            "cuda", torch.get_autocast_dtype("cuda"), enabled=torch.is_autocast_enabled("cuda"), cache_enabled=False
        )
        stream, current = self._pool.stream, torch.cuda.current_stream(self._pool.device)
        stream.wait_stream(current)
        # Whatever happens in here, the thread is on its own stream again afterwards.
        with torch.cuda.stream(stream), uncached:
            for _ in range(_WARM_UPS):
                self.run(*kept)
            stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with _no_garbage_collection(), _capturing(graph, self._pool):
                output = self.run(*kept)
        current.wait_stream(stream)
        return graph, kept, output


@contextmanager
def _capturing(graph: torch.cuda.CUDAGraph, pool: GraphPool):
    """As torch.cuda.graph, which leaves the thread on the capturing stream when the end of a capture fails too."""
    # Other threads of the process, the node's timer say, may use CUDA meanwhile.
    graph.capture_begin(pool=pool.handle, capture_error_mode="thread_local")
    try:
        yield
    except BaseException:
        with suppress(RuntimeError):  # the first error says what went wrong
            graph.capture_end()
        raise
    graph.capture_end()


@contextmanager
def _no_garbage_collection():
    """What is collected during a capture may call what a capture forbids."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
