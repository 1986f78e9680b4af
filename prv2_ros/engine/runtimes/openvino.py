# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: CPUs, and Intel's GPUs."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prv2_ros.engine.runtimes.networks import Exportable, Run

NAME = "openvino"
_FILE = "network.xml"
_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def version() -> str:
    """Of the installed package; ImportError where there is none."""
    import openvino

    return openvino.__version__


def build(network: Exportable, folder: Path) -> None:
    """Write a network into a folder, in OpenVINO's own format, with float32 weights."""
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of shapes that are constants here, as they shall be
        traced = torch.jit.trace(network.module.eval(), network.example(), check_trace=False)
        # Not through openvino.convert_model: it reports to its makers over the network, and checks the trace, which
        # takes three times as long as all the rest.
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=network.example())
        model = frontend.convert(frontend.load(decoder))
    shapes = {}
    for port, (name, shape) in zip(model.inputs, network.inputs.items(), strict=True):
        port.get_tensor().set_names({name})
        shapes[port] = openvino.PartialShape([-1 if network.dynamic else shape[0], *shape[1:]])
    model.reshape(shapes)
    for port, name in zip(model.outputs, network.outputs, strict=True):
        port.get_tensor().set_names({name})
    openvino.save_model(model, str(folder / _FILE), compress_to_fp16=False)


def load(network: Exportable, folder: Path, *, device: str, precision: str) -> Run:
    """What runs a network of a folder.

    Args:
        network: that the folder was built from.
        folder: of `build`.
        device: "cpu" or one of OpenVINO's own names, such as "gpu".
        precision: "fp32", "bf16" or "fp16"; the coarse branch carries the scale and is always float32.
    """
    import openvino

    core = openvino.Core()
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_PRECISION_HINT"] = _PRECISIONS["fp32" if network.name == "coarse" else precision]
    if device.lower() == "cpu":
        settings["INFERENCE_NUM_THREADS"] = torch.get_num_threads()
    else:
        settings["CACHE_DIR"] = str(folder)  # its kernels take a minute to build
    request = core.compile_model(core.read_model(str(folder / _FILE)), device.upper(), settings).create_infer_request()
    outputs = range(len(network.outputs))

    def run(*given: Tensor) -> list[Tensor]:
        arrays = [np.ascontiguousarray(tensor.numpy()) for tensor in given]
        request.infer(dict(enumerate(arrays)), share_inputs=True)
        # The request's own memory is written over by the next call.
        return [torch.from_numpy(request.get_output_tensor(index).data.copy()) for index in outputs]

    return run
