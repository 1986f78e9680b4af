# SPDX-License-Identifier: Apache-2.0
"""Weights files: safetensors whose header says what network they are, for which camera, and where they come from."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from prv2_ros.errors import WeightsError
from prv2_ros.model import COARSE_KINDS, VARIANTS
from prv2_ros.paths import share_path

FORMAT = "prv2_ros/1"
SUFFIX = ".safetensors"
_PICKLE_MAGIC = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True)
class WeightsHeader:
    """What a weights file says of itself.

    Attributes:
        variant: refiner variant, a name of `VARIANTS`.
        coarse: kind of coarse branch, one of `COARSE_KINDS`.
        coarse_source: for the `transformers` kinds, the folder or hub name that holds the coarse weights.
        coarse_channels: six widths of the coarse features, fine to coarse; none where the refiner reads depth alone.
        process_size: (height, width) of a tile, pixels.
        canonical_focal_px: focal length at the process size for which depth comes out in metres; None
            where the network is not tied to one.
        min_depth_m, max_depth_m: range of the training depth.
        provenance: recipe, data sets with their licences, seeds, commit, metrics.
    """

    variant: str
    coarse: str
    coarse_channels: tuple[int, ...]
    coarse_source: str | None = None
    process_size: tuple[int, int] = (384, 512)
    canonical_focal_px: float | None = 400.0
    min_depth_m: float = 1e-3
    max_depth_m: float = 80.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """As safetensors metadata: every value a JSON text."""
        return {"format": FORMAT, **{name: json.dumps(value) for name, value in asdict(self).items()}}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str] | None, path: Path) -> "WeightsHeader":
        """Parse and validate a file's metadata.

        Raises:
            WeightsError: it is not ours, a field is missing or malformed, or names an unknown network.
        """
        metadata = metadata or {}
        if metadata.get("format") != FORMAT:
            raise WeightsError(
                f"{path} is no prv2_ros weights file (format '{metadata.get('format')}', expected '{FORMAT}')"
            )
        names = [f.name for f in fields(cls)]
        missing = [name for name in names if name not in metadata]
        if missing:
            raise WeightsError(
                f"{path}: the header lacks {', '.join(missing)}; write the file with prv2 train --export"
            )
        try:
            values = {name: json.loads(metadata[name]) for name in names}
            header = cls(
                **{
                    **values,
                    "coarse_channels": tuple(int(c) for c in values["coarse_channels"]),
                    "process_size": tuple(int(s) for s in values["process_size"]),
                }
            )
            header._check(path)
        except (json.JSONDecodeError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: malformed header: {error}") from error
        return header

    def _check(self, path: Path) -> None:
        if self.variant not in VARIANTS:
            raise WeightsError(f"{path} holds variant '{self.variant}'; this version knows {', '.join(VARIANTS)}")
        if self.coarse not in COARSE_KINDS:
            raise WeightsError(f"{path} needs coarse branch '{self.coarse}'; known are {', '.join(COARSE_KINDS)}")
        height, width = self.process_size
        if not (0 < height <= 4096 and 0 < width <= 4096 and height % 32 == 0 and width % 32 == 0):
            raise ValueError(f"process size {height}x{width} is not a multiple of 32 up to 4096")
        if len(self.coarse_channels) not in (0, 6) or not all(0 < c <= 4096 for c in self.coarse_channels):
            raise ValueError(f"coarse channels {self.coarse_channels} are not six widths up to 4096, or none")
        if self.canonical_focal_px is not None and not 0 < self.canonical_focal_px < 1e5:
            raise ValueError(f"canonical focal {self.canonical_focal_px} px is not in (0, 100000)")
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(f"depth range {self.min_depth_m} to {self.max_depth_m} m is empty")


class FromHeader:
    """What an engine tells of the header of its weights.

    Args:
        header: of the weights.
    """

    def __init__(self, header: WeightsHeader):
        self._header = header

    @property
    def variant(self) -> str:
        """Name of the refiner's variant."""
        return self._header.variant

    @property
    def process_size(self) -> tuple[int, int]:
        """(height, width) that the frame and each tile are resized to."""
        return self._header.process_size

    @property
    def canonical_focal_px(self) -> float | None:
        """Focal length at the process size that the network is metric for, or None."""
        return self._header.canonical_focal_px

    @property
    def min_depth_m(self) -> float:
        """Nearest depth of the training data."""
        return self._header.min_depth_m

    @property
    def max_depth_m(self) -> float:
        """Farthest depth of the training data; what is predicted beyond it is far or sky, no measure."""
        return self._header.max_depth_m


def save_weights(
    path: str | Path,
    *,
    refiner: nn.Module,
    coarse: nn.Module | None,
    header: WeightsHeader,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: ends in `.safetensors`.
        refiner: stored under `refiner.`.
        coarse: stored under `coarse.`; None where `header.coarse_source` holds it.
        header: what the file says of itself.
        dtype: floating tensors are stored in it.
    """
    path = Path(path)
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("refiner", refiner), ("coarse", coarse)):
        for name, tensor in module.state_dict().items() if module is not None else ():
            stored = tensor.detach().cpu().to(dtype) if tensor.is_floating_point() else tensor.detach().cpu()
            tensors[f"{prefix}.{name}"] = stored.contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # two runs may write one file
    save_file(tensors, partial, metadata=header.to_metadata())
    partial.chmod(0o644)  # safetensors writes for the owner alone, but weights are installed for everybody
    partial.replace(path)


def resolve_weights(weights: str | Path) -> Path:
    """Path of weights given as a path, or as the name of a file that comes with the package.

    Raises:
        WeightsError: there is no such file.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if path.parent == Path("."):
        name = path.name if path.suffix == SUFFIX else f"{path.name}{SUFFIX}"
        try:
            return share_path("weights", name)
        except FileNotFoundError as error:
            raise WeightsError(f"no weights '{weights}': neither a file nor packaged; {error}") from error
    raise WeightsError(f"no weights file '{path}'" + (" (it is a folder)" if path.is_dir() else ""))


def load_weights(weights: str | Path) -> tuple[WeightsHeader, dict[str, Tensor], dict[str, Tensor]]:
    """Read a weights file; nothing in it is ever executed.

    Returns:
        header, the refiner's state dict and the coarse branch's (empty when it lives elsewhere), float32.

    Raises:
        WeightsError: the file is missing, a pickle, truncated, or not one of ours.
    """
    path = resolve_weights(weights)
    _refuse_foreign(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = WeightsHeader.from_metadata(file.metadata(), path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no dict
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged or truncated ({error}); copy it again") from error
    states: dict[str, dict[str, Tensor]] = {"refiner": {}, "coarse": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part not in states:
            raise WeightsError(f"{path}: unknown tensor '{name}', expected refiner.* and coarse.*")
        states[part][rest] = tensor.float() if tensor.is_floating_point() else tensor
    return header, states["refiner"], states["coarse"]


def load_into(module: nn.Module, state_dict: dict[str, Tensor], what: str) -> None:
    """Load strictly.

    Raises:
        WeightsError: a tensor is missing, unknown or of another shape; the first of them is named.
    """
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in state_dict:
            raise WeightsError(f"{what}: tensor '{name}' is missing: the weights are of another network")
        if state_dict[name].shape != tensor.shape:
            raise WeightsError(
                f"{what}: tensor '{name}' is {tuple(state_dict[name].shape)}, the network needs {tuple(tensor.shape)}"
            )
    unknown = next((name for name in state_dict if name not in wanted), None)
    if unknown is not None:
        raise WeightsError(f"{what}: unknown tensor '{unknown}': the weights are of another network")
    module.load_state_dict(state_dict)


def _refuse_foreign(path: Path) -> None:
    """Refuse pickles by their first bytes, and header sizes that the file cannot hold, before anything is allocated."""
    with path.open("rb") as file:
        start = file.read(8)
    size = path.stat().st_size
    if start.startswith(_PICKLE_MAGIC) or path.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl"):
        raise WeightsError(f"{path} is a pickle, which can run code; convert it to safetensors first")
    header_bytes = int.from_bytes(start, "little") if len(start) == 8 else -1
    if not 0 < header_bytes <= min(size - 8, _MAX_HEADER_BYTES):
        raise WeightsError(f"{path} ({size} bytes) is no safetensors file, or is truncated")
