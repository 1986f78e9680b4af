# SPDX-License-Identifier: Apache-2.0
"""ONNX files of the two networks, for runtimes that are not torch: TensorRT on a Jetson, onnxruntime, OpenVINO."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from prv2_ros.engine.weights import WeightsHeader
from prv2_ros.errors import Prv2Error

OPSET = 17  # the first with LayerNormalization as one operator; TensorRT has it from 8.6 on
# Batch sizes of TensorRT's profile where the batch is dynamic: a single tile up to a frame's sixteen.
_PROFILE = {"min": 1, "opt": 16, "max": 16}


class TileNetwork(nn.Module):
    """The refiner with the last step of the residual formulation: depth of tiles (B, 1, H, W), never negative."""

    def __init__(self, refiner: nn.Module):
        super().__init__()
        self.refiner = refiner

    def forward(self, rgb: Tensor, coarse_depth: Tensor, *features: Tensor) -> Tensor:
        return (coarse_depth + self.refiner(rgb, coarse_depth, list(features))).clamp(min=0)


class CoarseNetwork(nn.Module):
    """The coarse branch with depth and features side by side, each feature at the size that the refiner wants."""

    def __init__(self, coarse: nn.Module, process_size: tuple[int, int]):
        super().__init__()
        self.coarse = coarse
        self.sizes = [(process_size[0] >> k, process_size[1] >> k) for k in range(6)]

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        depth, features = self.coarse(rgb)
        resized = [
            nn.functional.interpolate(f, size=size, mode="bilinear", align_corners=True)
            for f, size in zip(features, self.sizes)
        ]
        return depth, *resized


@dataclass(frozen=True)
class Exported:
    """One ONNX file.

    Attributes:
        path: where it lies.
        inputs: name to shape, with the batch that it was traced with.
        outputs: names.
        dynamic: whether the batch is free.
    """

    path: Path
    inputs: dict[str, tuple[int, ...]]
    outputs: list[str]
    dynamic: bool

    def trtexec(self) -> str:
        """The command that builds a TensorRT engine of it, fp16, on the machine where it will run."""
        line = f"trtexec --onnx={self.path} --saveEngine={self.path.with_suffix('.engine')} --fp16"
        if self.dynamic:
            for name, batch in _PROFILE.items():
                shapes = ",".join(
                    f"{key}:{'x'.join(str(v) for v in (batch, *shape[1:]))}" for key, shape in self.inputs.items()
                )
                line += f" --{name}Shapes={shapes}"
        return line


def export_refiner(refiner: nn.Module, path: Path, header: WeightsHeader, *, batch: int | None = 1) -> Exported:
    """Write the refiner: `rgb`, `coarse_depth`, `feature_0` to `feature_5` (rois, fine to coarse) to `depth` [m].

    Args:
        refiner: with its weights.
        path: of the file.
        header: goes into the file's metadata; gives process size and widths.
        batch: tiles a call, or None for any number.

    Raises:
        Prv2Error: the onnx package is missing, or the file cannot be written.
    """
    height, width = header.process_size
    inputs = {"rgb": (3, height, width), "coarse_depth": (1, height, width)}
    inputs |= {f"feature_{k}": (c, height >> k, width >> k) for k, c in enumerate(header.coarse_channels)}
    return _export(TileNetwork(refiner), path, inputs, ["depth"], header, batch)


def export_coarse(coarse: nn.Module, path: Path, header: WeightsHeader) -> Exported:
    """Write the coarse branch: `rgb` (1, 3, H, W) to `coarse_depth` [m] and the six features; errors as above."""
    network = CoarseNetwork(coarse, header.process_size)
    outputs = ["coarse_depth", *(f"feature_{k}" for k in range(6))]
    return _export(network, path, {"rgb": (3, *header.process_size)}, outputs, header, 1)


def _export(
    network: nn.Module,
    path: Path,
    inputs: dict[str, tuple[int, ...]],
    outputs: list[str],
    header: WeightsHeader,
    batch: int | None,
) -> Exported:
    onnx = _import("onnx")
    shapes = {name: (batch or 2, *shape) for name, shape in inputs.items()}
    axes = {name: {0: "batch"} for name in (*inputs, *outputs)} if batch is None else None
    network = network.eval().cpu()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of shapes that are constants here, as they shall be
            torch.onnx.export(
                network,
                tuple(torch.zeros(shape) for shape in shapes.values()),
                str(path),
                input_names=list(inputs),
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        model = onnx.load(str(path))
        for name, value in header.to_metadata().items():
            model.metadata_props.add(key=f"prv2_{name}", value=value)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
    except OSError as error:
        raise Prv2Error(f"cannot write {path}: {error.strerror or error}") from error
    return Exported(path, shapes, outputs, batch is None)


def check(exported: Exported, network: nn.Module, *, seed: int = 0) -> float:
    """Run the file by onnxruntime beside torch on the same random input.

    Args:
        exported: the file.
        network: `TileNetwork` or `CoarseNetwork` that it was written from.

    Returns:
        the largest difference of any output relative to that output's largest value.

    Raises:
        Prv2Error: onnxruntime is missing.
    """
    runtime = _import("onnxruntime")
    generator = torch.Generator().manual_seed(seed)
    values = {name: torch.rand(shape, generator=generator) for name, shape in exported.inputs.items()}
    session = runtime.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    found = session.run(exported.outputs, {name: value.numpy() for name, value in values.items()})
    with torch.inference_mode():
        expected = network.eval()(*values.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    return max(
        float(np.abs(ours - theirs.numpy()).max() / max(theirs.abs().max().item(), 1e-6))
        for ours, theirs in zip(found, expected, strict=True)
    )


def _import(name: str):
    try:
        return __import__(name)
    except ImportError as error:
        raise Prv2Error(f"{name} is not installed: pip install onnx onnxruntime") from error
