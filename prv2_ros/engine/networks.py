# SPDX-License-Identifier: Apache-2.0
"""The two networks of a weights file."""

from pathlib import Path

from torch import nn

from prv2_ros.engine.weights import WeightsHeader, load_into, load_weights, resolve_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.model.coarse.builders import OWN_KINDS


def create_networks(
    weights: str | Path, *, coarse_source: str | None = None
) -> tuple[WeightsHeader, nn.Module, nn.Module]:
    """Build the networks that a weights file describes, and load it into them.

    Args:
        weights: path of a `.safetensors` file, or the name of a packaged one.
        coarse_source: overrides the folder or hub name of the coarse branch in the header, which is also looked for
            beside the weights file: a folder that was copied together with it need not be named.

    Returns:
        header, refiner and coarse branch, on the CPU.

    Raises:
        WeightsError: the file is missing, unsafe, damaged or of another network, or its coarse branch is not found.
    """
    path = resolve_weights(weights)
    header, refiner_state, coarse_state = load_weights(path)
    source = coarse_source or _beside(path, header.coarse_source)
    try:
        coarse = create_coarse(header.coarse, source=source, random=bool(coarse_state))
        fine = create_coarse(header.fine, source=source, random=True) if header.fine else None
    except ValueError as error:
        hint = "put its folder beside the weights file, or name it with coarse_source"
        raise WeightsError(f"{path}: {error}; {hint}") from error
    refiner = create_refiner(
        header.variant, coarse_channels=header.coarse_channels, fine=fine, feature_sizes=header.feature_sizes
    )
    load_into(refiner, refiner_state, f"{path} (refiner, variant {header.variant})")
    if coarse_state:
        load_into(coarse, coarse_state, f"{path} (coarse branch {header.coarse})")
    elif header.coarse in OWN_KINDS:
        raise WeightsError(f"{path} has no coarse branch; write the file again with one")
    return header, refiner.eval(), coarse.eval()


def _beside(weights: Path, source: str | None) -> str | None:
    """The header's place of the coarse branch, or the folder of that name beside the weights if only that exists."""
    if source and not Path(source).is_dir() and (copy := weights.parent / Path(source).name).is_dir():
        return str(copy)
    return source
