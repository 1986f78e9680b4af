# SPDX-License-Identifier: Apache-2.0
"""ONNX files of the two networks, for runtimes that are not torch: TensorRT on a Jetson, onnxruntime, OpenVINO."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from prv2_ros.engine.runtimes.networks import Exportable
from prv2_ros.errors import Prv2Error

OPSET = 17  # the first with LayerNormalization as one operator; TensorRT has it from 8.6 on
# Batch sizes of TensorRT's profile where the batch is dynamic: a single tile up to a frame's sixteen.
_PROFILE = {"min": 1, "opt": 16, "max": 16}


@dataclass(frozen=True)
class Exported:
    """One ONNX file.

    Attributes:
        path: where it lies.
        network: that was written.
    """

    path: Path
    network: Exportable

    def trtexec(self) -> str:
        """The command that builds a TensorRT engine of it, on the machine where it will run.

        The refiner is fp16; the coarse branch, which carries the scale, stays float32.
        """
        line = f"trtexec --onnx={self.path} --saveEngine={self.path.with_suffix('.engine')}"
        if self.network.name != "coarse":
            line += " --fp16"
        if self.network.dynamic:
            for name, batch in _PROFILE.items():
                shapes = ",".join(
                    f"{key}:{'x'.join(str(v) for v in (batch, *shape[1:]))}"
                    for key, shape in self.network.inputs.items()
                )
                line += f" --{name}Shapes={shapes}"
        return line


def write_onnx(network: Exportable, path: Path, metadata: dict[str, str] | None = None) -> Exported:
    """Write a network.

    Args:
        network: with its weights, on the host.
        path: of the file.
        metadata: keys and values that go into the file.

    Raises:
        Prv2Error: the onnx package is missing, or the file cannot be written.
    """
    onnx = _import("onnx")
    axes = {name: {0: "batch"} for name in (*network.inputs, *network.outputs)} if network.dynamic else None
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of shapes that are constants here, as they shall be
            torch.onnx.export(
                network.module.eval(),
                network.example(),
                str(path),
                input_names=list(network.inputs),
                output_names=list(network.outputs),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        model = onnx.load(str(path))
        for name, value in (metadata or {}).items():
            model.metadata_props.add(key=f"prv2_{name}", value=value)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
    except OSError as error:
        raise Prv2Error(f"cannot write {path}: {error.strerror or error}") from error
    return Exported(path, network)


def check(exported: Exported, *, seed: int = 0) -> float:
    """Run the file by onnxruntime beside torch on the same random input.

    Returns:
        the largest difference of any output relative to that output's largest value.

    Raises:
        Prv2Error: onnxruntime is missing.
    """
    runtime = _import("onnxruntime")
    network, generator = exported.network, torch.Generator().manual_seed(seed)
    values = [torch.rand(example.shape, generator=generator) for example in network.example()]
    session = runtime.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    found = session.run(list(network.outputs), {n: v.numpy() for n, v in zip(network.inputs, values, strict=True)})
    with torch.inference_mode():
        expected = network.module.eval()(*values)
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
