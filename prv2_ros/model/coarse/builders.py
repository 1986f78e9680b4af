# SPDX-License-Identifier: Apache-2.0
"""Which coarse branches there are, and how each is made."""

from torch import nn

from prv2_ros.model.coarse.small import SmallCoarse

# what the network sees of the frame, as arguments of `SmallCoarse`
SMALL_KINDS: dict[str, dict[str, float]] = {
    "small": {},
    "small-fine": {"share": 5 / 8},
    "small-twice": {"again": 7 / 12},
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
