# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: TensorRT and CUDA where its package has them, as on a Jetson; any CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prv2_ros.engine.runtimes.networks import Exportable, Run

NAME = "onnxruntime"
_FILE = "network.onnx"
_PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


def version() -> str:
    """Of the installed package; ImportError where there is none."""
    import onnxruntime

    return onnxruntime.__version__


def build(network: Exportable, folder: Path) -> None:
    """Write a network into a folder, as ONNX."""
    from prv2_ros.engine.onnx_export import write_onnx

    write_onnx(network, folder / _FILE)


def providers(device: str, precision: str, folder: Path) -> list[Any]:
    """Execution providers for a device, the fastest first; each falls back to the next.

    Raises:
        ValueError: the installed package has none for the device.
    """
    import onnxruntime

    kind, _, index = device.lower().partition(":")
    wanted = {"cuda": ["tensorrt", "cuda"], "tensorrt": ["tensorrt", "cuda"]}.get(kind, [kind])
    known = onnxruntime.get_available_providers()
    names = [name for name in wanted if _PROVIDERS.get(name) in known]
    if not names:
        raise ValueError(f"onnxruntime {version()} has no provider for device '{device}': it has {', '.join(known)}")
    options: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name in names:
        if name != "cpu":
            options[name]["device_id"] = int(index or 0)
    if "tensorrt" in names:
        options["tensorrt"] |= {
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": str(folder),
            "trt_fp16_enable": precision == "fp16",
            "trt_bf16_enable": precision == "bf16",
        }
    chosen = [(_PROVIDERS[name], options[name]) for name in names]
    return [*chosen, (_PROVIDERS["cpu"], {})] if "cpu" not in names else chosen


def load(network: Exportable, folder: Path, *, device: str, precision: str) -> Run:
    """What runs a network of a folder.

    Args:
        network: that the folder was built from.
        folder: of `build`; TensorRT keeps its engines there too.
        device: "cpu", "cuda", "cuda:1", "tensorrt"; CUDA takes TensorRT where the package has it.
        precision: of TensorRT; the coarse branch carries the scale and is always float32.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    chosen = providers(device, "fp32" if network.name == "coarse" else precision, folder)
    session = onnxruntime.InferenceSession(str(folder / _FILE), options, providers=chosen)
    names = list(network.inputs)

    def run(*given: Tensor) -> list[Tensor]:
        # Maps that are on a GPU go by way of the host: some milliseconds a frame.
        arrays = {name: np.ascontiguousarray(t.cpu().numpy()) for name, t in zip(names, given, strict=True)}
        return [torch.from_numpy(output).to(given[0].device) for output in session.run(network.outputs, arrays)]

    return run
