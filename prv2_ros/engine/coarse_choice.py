# SPDX-License-Identifier: Apache-2.0
"""Where coarse depth comes from: the weights' own branch, another network, or the caller's measured depth."""

import logging
from dataclasses import replace
from pathlib import Path

from torch import nn

from prv2_ros.engine.weights import WeightsHeader
from prv2_ros.errors import Prv2Error, WeightsError

MEASURED = "topic"  # depth comes with each image

_log = logging.getLogger(__name__)


def choose_coarse(
    coarse: str | None, header: WeightsHeader, refiner: nn.Module, own: nn.Module, *, weights: object
) -> tuple[WeightsHeader, nn.Module]:
    """The header and the coarse branch of an engine.

    Args:
        coarse: None or "" for the weights' own; a folder or hub name of a metric depth model of transformers; or
            "topic", measured depth, whose holes the weights' own branch fills.
        header: of the weights.
        refiner: theirs.
        own: theirs.
        weights: their name, for people.

    Raises:
        WeightsError: the refiner reads more than depth, so that no other coarse depth can take its place.
        Prv2Error: the network is not found or gives no metric depth.
    """
    if not coarse:
        return header, own
    require_depth_only(refiner, header, weights)
    # Depth of another network or a sensor is in metres already, whatever the camera.
    header = replace(header, canonical_focal_px=None)
    if coarse == MEASURED:
        return header, own
    from prv2_ros.model.coarse.transformers_depth import TransformersDepth

    _say_where(coarse)
    try:
        return header, TransformersDepth.from_pretrained(coarse).eval()
    except ValueError as error:
        raise Prv2Error(str(error)) from error


def require_depth_only(refiner: nn.Module, header: WeightsHeader, weights: object) -> None:
    """Refuse a refiner that reads the insides of the coarse network that it was trained beside.

    Raises:
        WeightsError: it does.
    """
    if getattr(refiner, "coarse_channels", None) != ():
        raise WeightsError(
            f"weights '{weights}' (variant {header.variant}) read features of their own coarse branch "
            f"'{header.coarse}', so no other coarse depth can replace it; use weights of a variant that reads "
            "depth alone, such as prv2s"
        )


def _say_where(source: str) -> None:
    """Say where a download is kept; a local folder and what is there already need no word."""
    if Path(source).expanduser().is_dir():
        return
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ImportError:  # nor is transformers there: loading says so
        return
    try:
        kept = try_to_load_from_cache(source, "config.json")
    except ValueError:  # no name of the hub: loading says so
        return
    if not isinstance(kept, str) and not constants.HF_HUB_OFFLINE:
        _log.warning("downloading coarse '%s' once, into %s", source, constants.HF_HUB_CACHE)
