# SPDX-License-Identifier: Apache-2.0
"""Faster ways to run the refiner of tile batches: torch.compile and CUDA graphs; each falls back with a warning."""

import logging
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

ACCELERATIONS = ("none", "compile", "graphs")
_WARM_UPS = 3

_log = logging.getLogger(__name__)


def accelerate(refiner: nn.Module, how: str, device: torch.device) -> nn.Module:
    """The refiner, or a module around it that takes and gives the same.

    Args:
        refiner: on its device, with its weights.
        how: "none"; "compile", torch.compile, whose kernels stay in torch's cache on disk; "graphs", one CUDA graph for
            each shape of a batch.
        device: where it runs.

    Raises:
        ValueError: `how` is none of them.
    """
    if how not in ACCELERATIONS:
        raise ValueError(f"unknown acceleration '{how}': choose {', '.join(ACCELERATIONS)}")
    if how == "none":
        return refiner
    if how == "graphs" and device.type != "cuda":
        _log.warning("CUDA graphs need CUDA: running on '%s' without them", device)
        return refiner
    return Compiled(refiner) if how == "compile" else Graphed(refiner)


class _Fallback(nn.Module, ABC):
    """Runs a faster way until it fails once, then the refiner itself.

    Args:
        refiner: what is run.
    """

    def __init__(self, refiner: nn.Module):
        super().__init__()
        self.refiner = refiner
        self.failed = False

    @property
    def c2f(self) -> nn.Module | None:
        """The refiner's own."""
        return self.refiner.c2f

    @property
    def coarse_channels(self) -> tuple[int, ...]:
        """The refiner's own."""
        return self.refiner.coarse_channels

    def refine(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        """As the refiner's own `refine`."""
        if not self.failed:
            try:
                return self._faster(rgb, coarse_depth, coarse_features)
            except torch.OutOfMemoryError:
                raise  # the engine halves the batch
            except Exception as error:  # noqa: BLE001 - compilers fail in many ways, and the plain way is there
                self.failed = True
                _log.warning("%s failed, going on without: %s", type(self).__name__.lower(), str(error)[:500])
        return self.refiner.refine(rgb, coarse_depth, coarse_features)

    @abstractmethod
    def _faster(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        """As the refiner, by the faster way."""


class Compiled(_Fallback):
    """Through torch.compile.

    Args:
        refiner: what is compiled, for each shape once.
        backend: of torch.compile.
    """

    def __init__(self, refiner: nn.Module, backend: str = "inductor"):
        super().__init__(refiner)
        self._compiled = torch.compile(refiner.refine, backend=backend, dynamic=False)

    def _faster(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        return self._compiled(rgb, coarse_depth, coarse_features)


class Graphed(_Fallback):
    """Through CUDA graphs: one launch a batch instead of hundreds."""

    def __init__(self, refiner: nn.Module):
        super().__init__(refiner)
        self._graphs: dict[tuple, tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]] = {}

    def _faster(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        given = [rgb, coarse_depth, *coarse_features]
        key = tuple((tuple(t.shape), t.dtype, t.stride()) for t in given)
        if key not in self._graphs:
            self._graphs[key] = self._capture(given)
        graph, inputs, output = self._graphs[key]
        for kept, new in zip(inputs, given):
            kept.copy_(new)
        graph.replay()
        return output.clone()

    def _capture(self, given: list[Tensor]) -> tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]:
        inputs = [t.clone() for t in given]
        side = torch.cuda.Stream(inputs[0].device)
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self.refiner.refine(inputs[0], inputs[1], inputs[2:])
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Cached casts of autocast would lie in the graph's memory and outlive it.
        autocast = torch.autocast(
            "cuda", torch.get_autocast_dtype("cuda"), enabled=torch.is_autocast_enabled("cuda"), cache_enabled=False
        )
        with torch.cuda.graph(graph), autocast:
            output = self.refiner.refine(inputs[0], inputs[1], inputs[2:])
        return graph, inputs, output
