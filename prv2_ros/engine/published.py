# SPDX-License-Identifier: Apache-2.0
"""Published checkpoints of PatchRefiner V1 and PatchFusion as weights of ours; nothing in them is run."""

import hashlib
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prv2_ros.engine.weights import WeightsHeader, save_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import (
    convert_reference_depth_network,
    convert_reference_state_dict,
    create_coarse,
    create_refiner,
    recognise_depth_network,
)
from prv2_ros.model.baselines.builders import feature_sizes_of
from prv2_ros.version import __version__

PICKLE_NAME = "pytorch_model.bin"  # what a folder of the hub holds
ZOEDEPTH_SIZE, VIT_SIZE = (384, 512), (392, 518)
DEPTH_RANGE_M = (1e-3, 80.0)


@dataclass(frozen=True)
class Publication:
    """A network whose checkpoints are known.

    Attributes:
        variant: among `BASELINES`.
        mark: prefix by which its fusion network is recognised.
        fine_prefix: of the fine network's tensors.
        licence: of code and weights, as their pages state it.
    """

    variant: str
    mark: str
    fine_prefix: str
    licence: str


PUBLICATIONS = (
    Publication("prv1", "refiner_fusion_model.encoder_layers_1.", "refiner_fine_branch.", "MIT (zhyever/PatchRefiner)"),
    Publication("patchfusion", "guided_fusion.", "fine_branch.", "MIT (zhyever/PatchFusion)"),
)
COARSE_PREFIX = "coarse_branch."


@dataclass(frozen=True)
class Imported:
    """What was written.

    Attributes:
        header: of the file.
        refiner_parameters, coarse_parameters: how many numbers each part has.
    """

    header: WeightsHeader
    refiner_parameters: int
    coarse_parameters: int


def import_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    coarse: Path | None = None,
    fine: Path | None = None,
    process_size: tuple[int, int] | None = None,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[str], None] = lambda text: None,
) -> Imported:
    """Write a weights file from published checkpoints.

    Args:
        checkpoint: a pickle with the fusion network, or a folder that holds `PICKLE_NAME`.
        out: ends in .safetensors.
        coarse, fine: checkpoints of the coarse and the fine network, where `checkpoint` does not hold them.
        process_size: (h, w) of a tile; by default that of the training, 384x512 on BEiT and 392x518 on Depth Anything.
        dtype: floating tensors are stored in it; float32 is exact.
        progress: called with a line before each step.

    Raises:
        WeightsError: a file is missing, holds more than tensors, is of another network or lacks a part.
    """
    progress(f"reading {checkpoint}")
    tensors = read_tensors(checkpoint)
    publication = _recognise(checkpoint, tensors)
    files = [path for path in (checkpoint, coarse, fine) if path]
    coarse_state = _branch(tensors, COARSE_PREFIX, coarse, "coarse", checkpoint)
    fine_state = _branch(tensors, publication.fine_prefix, fine, "fine", checkpoint)
    fusion = {name: t for name, t in tensors.items() if not name.startswith((COARSE_PREFIX, publication.fine_prefix))}
    kind = _kind(coarse or checkpoint, coarse_state)
    fine_kind = _kind(fine or checkpoint, fine_state)
    size = process_size or (ZOEDEPTH_SIZE if kind == "zoedepth" else VIT_SIZE)
    progress(f"{publication.variant} with {kind} at {size[0]}x{size[1]}")
    with torch.device("meta"):
        coarse_network, fine_network = (create_coarse(k, random=True) for k in (kind, fine_kind))
        sizes = feature_sizes_of(coarse_network, size)
        refiner = create_refiner(
            publication.variant, fine=fine_network, coarse_channels=coarse_network.channels, feature_sizes=sizes
        )
    named = {**fusion, **{publication.fine_prefix + name: t for name, t in fine_state.items()}}
    try:
        coarse_network.load_state_dict(convert_reference_depth_network(coarse_state, coarse_network), assign=True)
        refiner.load_state_dict(convert_reference_state_dict(named, refiner), assign=True)
    except ValueError as error:
        raise WeightsError(f"{checkpoint}: {_short(str(error))}") from error
    header = WeightsHeader(
        variant=publication.variant,
        coarse=kind,
        coarse_channels=tuple(coarse_network.channels),
        process_size=size,
        canonical_focal_px=None,
        min_depth_m=DEPTH_RANGE_M[0],
        max_depth_m=DEPTH_RANGE_M[1],
        fine=fine_kind,
        feature_sizes=sizes,
        provenance=_provenance(publication, files),
    )
    progress(f"writing {out}")
    save_weights(out, refiner=refiner, coarse=coarse_network, header=header, dtype=dtype)
    return Imported(header, *(sum(p.numel() for p in part.parameters()) for part in (refiner, coarse_network)))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint by their names; torch's reader that builds nothing but tensors and plain containers.

    Raises:
        WeightsError: the file is missing, or holds anything that this reader refuses.
    """
    path = Path(path)
    if path.is_dir():
        path = path / PICKLE_NAME
    if not path.is_file():
        raise WeightsError(f"no checkpoint {path}")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError) as error:
        raise WeightsError(
            f"{path} is refused: {_short(str(error))} Only tensors are read; ask its author to save it "
            "without other objects"
        ) from error
    if isinstance(saved, dict) and isinstance(saved.get("model_state_dict"), dict):
        saved = saved["model_state_dict"]
    if not isinstance(saved, dict) or not saved:
        raise WeightsError(f"{path} holds a {type(saved).__name__} instead of named tensors")
    others = [str(name) for name, value in saved.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(f"{path}: {', '.join(others[:3])} is not a tensor, expected a model_state_dict of tensors")
    return saved


def _recognise(path: Path, tensors: dict[str, Tensor]) -> Publication:
    for publication in PUBLICATIONS:
        if any(name.startswith(publication.mark) for name in tensors):
            return publication
    try:
        kind = recognise_depth_network(tensors)
    except ValueError:
        some = ", ".join(sorted(tensors)[:3])
        raise WeightsError(
            f"{path} is not a checkpoint of PatchRefiner V1 or PatchFusion; its tensors: {some} …"
        ) from None
    raise WeightsError(
        f"{path} holds a depth network alone ({kind}): name the refiner's checkpoint first and this one with --coarse "
        "or --fine"
    )


def _branch(
    tensors: dict[str, Tensor], prefix: str, file: Path | None, which: str, checkpoint: Path
) -> dict[str, Tensor]:
    """Tensors of a branch without its prefix."""
    if file is not None:
        return read_tensors(file)
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not own:
        raise WeightsError(
            f"{checkpoint} holds no {which} network: name its checkpoint, such as "
            f"--{which} {which}_pretrain/checkpoint_24.pth"
        )
    return own


def _kind(path: Path, state: dict[str, Tensor]) -> str:
    try:
        return recognise_depth_network(state)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def _provenance(publication: Publication, files: list[Path]) -> dict[str, Any]:
    paths = [path / PICKLE_NAME if path.is_dir() else path for path in files]
    return {
        "imported_from": [{"file": path.name, "sha256": _digest(path)} for path in paths],
        "licence": publication.licence,
        "by": f"prv2_ros {__version__}",
    }


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _short(text: str, most: int = 400) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most] + " …"
