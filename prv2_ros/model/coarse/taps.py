# SPDX-License-Identifier: Apache-2.0
"""Reading intermediate maps of a network that we do not own."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn


class Taps:
    """Keeps the last output of chosen submodules, through forward hooks."""

    def __init__(self):
        self._outputs: dict[str, Tensor] = {}

    def add(self, name: str, module: nn.Module, select: Callable[[Any], Tensor] = lambda output: output) -> None:
        """Keep `select(output)` of `module` under `name` whenever it runs."""
        # A bound method follows a deep copy of the network to the copy's own taps; a closure would feed the original's.
        module.register_forward_hook(partial(self._keep, name, select))

    def _keep(self, name: str, select: Callable[[Any], Tensor], _module: nn.Module, _inputs: Any, output: Any) -> None:
        self._outputs[name] = select(output)

    def take(self) -> dict[str, Tensor]:
        """Hand out what was kept, and forget it so that no frame's maps outlive it."""
        outputs, self._outputs = self._outputs, {}
        return outputs
