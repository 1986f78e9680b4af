# SPDX-License-Identifier: Apache-2.0
"""The last layers of a third-party network, computed in float32 even under autocast."""

from functools import cache
from typing import Any

from torch import Tensor, nn

from prv2_ros.model.layers import without_autocast


def in_float32(module: nn.Module) -> None:
    """Let a module compute in float32 from now on; its weights keep their names.

    Depth that leaves a head in bfloat16 comes in steps of 0.25 m at 40 m, and all tiles inherit them.
    """
    module.__class__ = _computing_in_float32(type(module))


@cache
def _computing_in_float32(kind: type) -> type:
    # A class, not a wrapper or a bound method: names of weights stay, and a deep copy is a copy.
    class InFloat32(kind):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            weight = next(self.parameters())
            with without_autocast(weight.device):
                return super().forward(*_floats(args), **_floats(kwargs))

    InFloat32.__name__ = InFloat32.__qualname__ = kind.__name__
    return InFloat32


def _floats(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, (list, tuple)):
        return type(value)(_floats(entry) for entry in value)
    return {key: _floats(entry) for key, entry in value.items()} if isinstance(value, dict) else value
