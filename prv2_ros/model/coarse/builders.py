# SPDX-License-Identifier: Apache-2.0
"""Which coarse branches there are, and how each is made."""

from typing import Any

from torch import nn

from prv2_ros.model.coarse.looks import Look
from prv2_ros.model.coarse.small import SmallCoarse

LITE2 = {"share": 5 / 8, "encoder": "tf_efficientnet_lite2"}
# arguments of `SmallCoarse`
SMALL_KINDS: dict[str, dict[str, Any]] = {
    "small": {},
    "small-fine": {"share": 5 / 8},
    "small-lite2": LITE2,
    "small-twice": {"looks": (Look(7 / 12, mirrored=True),)},
    "small-pair": {
        "share": 5 / 8,
        "looks": (
            Look(3 / 4, mirrored=True),
            Look(5 / 8, layout=True),
            Look(3 / 4, layout=True),
            Look(3 / 4, mirrored=True, layout=True),
            Look(7 / 8, mirrored=True, layout=True),
        ),
        "layout": LITE2,
    },
}
COARSE_KINDS = (*SMALL_KINDS, "depth-anything-v2", "zoedepth")


def create_coarse(kind: str, *, source: str | None = None, max_depth_m: float = 80.0) -> nn.Module:
    """Build a coarse branch.

    Args:
        kind: one of `COARSE_KINDS`.
        source: for the `transformers` kinds, a local folder or a hub name with config and weights.
        max_depth_m: for `depth-anything-v2` without a metric configuration, the range of its sigmoid head.

    Returns:
        A module with `channels`, six ints fine to coarse, and `forward(rgb) -> (depth, features)`.

    Raises:
        ValueError: the kind is unknown, or needs a source and has none.
    """
    if kind in SMALL_KINDS:
        return SmallCoarse(**SMALL_KINDS[kind])
    if kind not in COARSE_KINDS:
        raise ValueError(f"unknown coarse branch '{kind}': choose one of {', '.join(COARSE_KINDS)}")
    if source is None:
        raise ValueError(f"coarse branch '{kind}' needs source: a local folder or a hub name with its weights")
    # transformers is an optional dependency: only these two kinds import it.
    if kind == "zoedepth":
        from prv2_ros.model.coarse.zoedepth import ZoeDepthCoarse

        return ZoeDepthCoarse.from_pretrained(source)
    from prv2_ros.model.coarse.depth_anything import DepthAnythingCoarse

    return DepthAnythingCoarse.from_pretrained(source, max_depth_m=max_depth_m)


def trained_alike(kind: str, other: str) -> bool:
    """True where tensors trained as one kind serve the other: the same network on frames of the same size."""

    def trained(name: str) -> tuple[object, ...]:
        arguments = SMALL_KINDS.get(name, {"share": name})
        return tuple(arguments.get(key) for key in ("share", "encoder"))

    return trained(kind) == trained(other)
