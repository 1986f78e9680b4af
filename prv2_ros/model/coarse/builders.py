# SPDX-License-Identifier: Apache-2.0
"""Which coarse branches there are, and how each is made."""

from torch import nn

from prv2_ros.model.coarse.light import LightCoarse
from prv2_ros.model.coarse.small import SmallCoarse

ZOE_VITS = {f"zoedepth-{vit}": vit for vit in ("vits", "vitb", "vitl")}
OWN_KINDS = ("light", "small", *ZOE_VITS)  # their tensors stand in the weights file
COARSE_KINDS = ("light", "small", "depth-anything-v2", "zoedepth", *ZOE_VITS)
# PRO's branches: inverse depth up to scale and shift, so no engine's
RELATIVE_VITS = {f"relative-{vit}": vit for vit in ("vits", "vitb", "vitl")}


def create_coarse(
    kind: str, *, source: str | None = None, max_depth_m: float | None = None, random: bool = False
) -> nn.Module:
    """Build a coarse branch.

    Args:
        kind: one of `COARSE_KINDS`.
        source: for `depth-anything-v2` and `zoedepth`, a local folder or a hub name with config and weights.
        max_depth_m: for `depth-anything-v2`, the range of its sigmoid head; None takes its configuration's.
        random: without a source, the published architecture of `zoedepth` or of a kind of `RELATIVE_VITS` with random
            numbers: for weights that are loaded later, or for measuring.

    Returns:
        A module with `channels`, six ints fine to coarse, and `forward(rgb) -> (depth, features)`.

    Raises:
        ValueError: the kind is unknown, or needs a source and has none, or what the source holds cannot be loaded.
    """
    if kind == "light":
        return LightCoarse()
    if kind == "small":
        return SmallCoarse()
    if source is None and (kind in ZOE_VITS or (random and kind in ("zoedepth", *RELATIVE_VITS))):
        return _published_architecture(kind)
    if kind not in COARSE_KINDS:
        raise ValueError(f"unknown coarse branch '{kind}': choose one of {', '.join(COARSE_KINDS)}")
    if kind in ZOE_VITS:
        raise ValueError(f"coarse branch '{kind}' takes no source: prv2 import writes its weights from a checkpoint")
    if source is None:
        raise ValueError(f"coarse branch '{kind}' needs source: a local folder or a hub name with its weights")
    try:
        return _from_transformers(kind, source, max_depth_m)
    except (ImportError, OSError, ValueError) as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"coarse branch '{kind}' cannot be loaded from '{source}': {text}") from error


def _from_transformers(kind: str, source: str, max_depth_m: float | None) -> nn.Module:
    # transformers is an optional dependency: only these two kinds import it.
    if kind == "zoedepth":
        from prv2_ros.model.coarse.zoedepth import ZoeDepthCoarse

        return ZoeDepthCoarse.from_pretrained(source)
    from prv2_ros.model.coarse.depth_anything import DepthAnythingCoarse

    return DepthAnythingCoarse.from_pretrained(source, max_depth_m=max_depth_m)


def _published_architecture(kind: str) -> nn.Module:
    from prv2_ros.model.coarse import relative, zoedepth

    if kind == "zoedepth":
        return zoedepth.ZoeDepthCoarse.published()
    if kind in ZOE_VITS:
        return relative.ZoeDepthAnything(relative.depth_anything_network(ZOE_VITS[kind], second=False))
    return relative.RelativeDepthAnything(relative.depth_anything_network(RELATIVE_VITS[kind], second=True))
