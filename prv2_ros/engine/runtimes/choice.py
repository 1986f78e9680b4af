# SPDX-License-Identifier: Apache-2.0
"""Which runtime computes a model, and what happens where it cannot."""

import logging
import os
from importlib import import_module
from typing import Any

import torch

from prv2_ros.engine.runtimes.cache import cached
from prv2_ros.engine.runtimes.networks import (
    CoarseElsewhere,
    Exportable,
    RefinerElsewhere,
    Run,
    exportable_coarse,
    exportable_refiner,
)
from prv2_ros.errors import Prv2Error
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.tile_step import TileStep

VARIABLE = "PRV2_RUNTIME"  # what "auto" is
RUNTIMES = ("auto", "torch", "openvino", "onnxruntime")
_PACKAGES = {"openvino": "openvino", "onnxruntime": "onnx onnxruntime"}

_log = logging.getLogger(__name__)


def parse_runtime(runtime: str) -> tuple[str, str]:
    """Name and the runtime's own device, "" where the engine's is meant: "openvino:gpu" is ("openvino", "gpu").

    Raises:
        ValueError: there is no such runtime.
    """
    name, _, device = runtime.partition(":")
    if name not in RUNTIMES or (device and name in ("auto", "torch")):
        raise ValueError(f"unknown runtime '{runtime}': choose {', '.join(RUNTIMES)}, or openvino:gpu")
    return name, device


def use_runtime(
    model: PatchRefiner, runtime: str, *, device: torch.device, precision: str, digest: str | None = None
) -> str:
    """Let a runtime compute a model's networks.

    Args:
        model: with its weights loaded, on the host.
        runtime: one of `RUNTIMES`, or with a device of its own, such as "openvino:gpu". "auto" is OpenVINO on a CPU
            where it is installed, and torch elsewhere and where OpenVINO fails.
        device: of the engine.
        precision: "fp32", "bf16" or "fp16".
        digest: of the weights file, to keep what is built from it; None keeps nothing.

    Returns:
        the name of the runtime that computes; "torch" leaves the model as it is.

    Raises:
        ValueError: there is no such runtime.
        Prv2Error: the runtime that was asked for is not installed or cannot run the model.
    """
    if runtime == "auto":
        runtime = os.environ.get(VARIABLE) or "auto"
    name, own_device = parse_runtime(runtime)
    if name == "torch" or (name == "auto" and device.type != "cpu"):
        return "torch"
    asked_for = name != "auto"
    name = name if asked_for else "openvino"
    try:
        module = import_module(f"prv2_ros.engine.runtimes.{name}")
        version = module.version()
    except ImportError as error:
        if asked_for:
            text = f"runtime '{name}' is not installed: pip install {_PACKAGES[name]}, or choose another runtime"
            raise Prv2Error(text) from error
        _log.warning("openvino is not installed; falling back to torch, which is slower (pip install openvino)")
        return "torch"
    try:
        at = own_device or str(device)
        key = None if digest is None else {"weights": digest, "runtime": f"{name} {version}", "device": at}
        # A network of transformers stays in torch: it prepares frames of every size by itself.
        foreign = getattr(model.coarse, "whole_frame", False)
        networks = [exportable_refiner(model), *([] if foreign else [exportable_coarse(model)])]
        runs = [_run(module, network, key, device=at, precision=precision) for network in networks]
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if asked_for:
            text = f"runtime '{runtime}' cannot run these weights ({reason}); choose another runtime"
            raise Prv2Error(text) from error
        _log.warning("openvino cannot run these weights; falling back to torch, which is slower: %s", reason)
        return "torch"
    model.tile_batch = 1
    tells_error = getattr(model.coarse, "tells_error", False)
    coarse = None if foreign else CoarseElsewhere(runs[1], tells_error=tells_error)
    model.run_by(coarse=coarse, tiles=TileStep(RefinerElsewhere(model.refiner, runs[0])))
    return name


def _run(module: Any, network: Exportable, key: dict[str, object] | None, *, device: str, precision: str) -> Run:
    """A network's run; what is in the cache and cannot be loaded all the same is built once more."""
    whole = (
        None if key is None else {**key, "inputs": network.inputs, "outputs": network.outputs, "precision": precision}
    )
    name = f"{module.NAME}-{network.name}"

    def load(fresh: bool) -> Run:
        folder = cached(name, whole, lambda into: module.build(network, into), fresh=fresh)
        return module.load(network, folder, device=device, precision=precision)

    try:
        return load(fresh=False)
    except Exception:
        if whole is None:
            raise
        _log.warning("%s in the cache cannot be loaded; rebuilding it", name)
        return load(fresh=True)
