# SPDX-License-Identifier: Apache-2.0
"""Weights files: safetensors whose header says what network they are, for which camera, and where they come from."""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from prv2_ros.engine.header import FromHeader, WeightsHeader
from prv2_ros.errors import WeightsError
from prv2_ros.paths import share_path

__all__ = ["SUFFIX", "FromHeader", "WeightsHeader", "load_into", "load_weights", "resolve_weights", "save_weights"]

SUFFIX = ".safetensors"
_PICKLE_MAGIC = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_MAX_HEADER_BYTES = 100_000_000


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
        raise WeightsError(f"{path} ({size} bytes) is not a safetensors file, or is truncated")
