# SPDX-License-Identifier: Apache-2.0
"""The two networks in the form in which they leave torch: tensors in, tensors out, nothing that rounding would hurt.

The coarse branch: a frame at the process size to depth, features where the refiner reads some, and the expected error
where the branch tells it. The refiner: a batch of tiles to the residual. What turns depth into the refiner's input and
the residual into depth stays in torch and float32: a logarithm of depth in 16 bits alone would be off by 0.5 %.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.model.layers import resize
from prv2_ros.tiling import PatchRefiner

LEVELS = 6

# Tensors of an `Exportable`'s inputs to those of its outputs.
Run = Callable[..., list[Tensor]]


@dataclass(frozen=True)
class Exportable:
    """A network that can leave torch.

    Attributes:
        name: "coarse" or "refiner".
        module: takes and gives tensors only.
        inputs: name to shape, batch first.
        outputs: names.
        dynamic: whether the batch is free.
    """

    name: str
    module: nn.Module
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    dynamic: bool = False

    def example(self) -> tuple[Tensor, ...]:
        """Inputs to trace with: middle grey at some metres."""
        generator = torch.Generator().manual_seed(0)
        batch = {name: (2 if self.dynamic else shape[0], *shape[1:]) for name, shape in self.inputs.items()}
        return tuple(torch.rand(shape, generator=generator) for shape in batch.values())


class CoarseNetwork(nn.Module):
    """The coarse branch with its outputs side by side, each feature at the size that the refiner wants."""

    def __init__(self, coarse: nn.Module, process_size: tuple[int, int], *, features: bool):
        super().__init__()
        self.coarse = coarse
        self.sizes = [(process_size[0] >> k, process_size[1] >> k) for k in range(LEVELS)] if features else []

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        depth, features, *errors = self.coarse(rgb)
        return depth, *(resize(feature, size) for feature, size in zip(features, self.sizes)), *errors


class ResidualNetwork(nn.Module):
    """The refiner's `forward`, its features side by side, and of what it gives the residual alone."""

    def __init__(self, refiner: nn.Module):
        super().__init__()
        self.refiner = refiner

    def forward(self, rgb: Tensor, depth: Tensor, *features: Tensor) -> Tensor:
        result = self.refiner(rgb, depth, list(features)) if features else self.refiner(rgb, depth)
        return result[0] if isinstance(result, tuple) else result


def exportable_coarse(model: PatchRefiner) -> Exportable:
    """The coarse branch of a model."""
    wanted = reads_features(model.refiner)
    outputs = ("coarse_depth", *(f"feature_{k}" for k in range(LEVELS) if wanted))
    outputs += ("expected_log_error",) if getattr(model.coarse, "tells_error", False) else ()
    network = CoarseNetwork(model.coarse, model.process_size, features=wanted)
    return Exportable("coarse", network, {"rgb": (1, 3, *model.process_size)}, outputs)


def exportable_refiner(model: PatchRefiner, *, batch: int | None = 1) -> Exportable:
    """The refiner of a model, for `batch` tiles a call, or any number where it is None."""
    height, width = model.process_size
    shapes = {"rgb": (3, height, width)}
    if reads_features(model.refiner):
        shapes["coarse_depth"] = (1, height, width)
        shapes |= {f"feature_{k}": (c, height >> k, width >> k) for k, c in enumerate(model.refiner.coarse_channels)}
    else:
        shapes["relative_log_depth"] = (1, height, width)
    inputs = {name: (batch or 1, *shape) for name, shape in shapes.items()}
    return Exportable("refiner", ResidualNetwork(model.refiner), inputs, ("residual",), dynamic=batch is None)


def reads_features(refiner: nn.Module) -> bool:
    """Whether a refiner reads the coarse branch's features; one of log depth reads its depth alone."""
    return bool(refiner.coarse_channels)


class RefinerElsewhere:
    """A refiner whose `forward` is computed by a runtime; what comes before and after is the refiner's own `refine`.

    Args:
        refiner: whose steps are taken.
        run: of its `exportable_refiner`.
    """

    def __init__(self, refiner: nn.Module, run: Run):
        self._kind, self._run = type(refiner), run
        self._auxiliary = not reads_features(refiner)
        self.coarse_channels = refiner.coarse_channels

    def refine(self, rgb: Tensor, coarse_depth: Tensor, coarse_features: list[Tensor]) -> Tensor:
        """As the refiner's own."""
        return self._kind.refine(self, rgb, coarse_depth, coarse_features)

    def __call__(self, rgb: Tensor, depth: Tensor, coarse_features: list[Tensor] | None = None) -> Tensor | tuple:
        (residual,) = self._run(rgb, depth, *(coarse_features or ()))
        return (residual, None) if self._auxiliary else residual


class CoarseElsewhere:
    """A coarse branch that is computed by a runtime.

    Args:
        run: of its `exportable_coarse`.
        tells_error: whether its last output is the expected error.
    """

    def __init__(self, run: Run, *, tells_error: bool = False):
        self._run, self._tells_error = run, tells_error

    def __call__(self, rgb: Tensor) -> tuple[Any, ...]:
        depth, *maps = self._run(rgb)
        errors = [maps.pop()] if self._tells_error else []
        return depth, maps, *errors
