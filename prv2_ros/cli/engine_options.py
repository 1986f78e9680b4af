# SPDX-License-Identifier: Apache-2.0
"""The options of every subcommand that runs the network, and the engine they describe."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prv2_ros.cli.arguments import pair
from prv2_ros.errors import Prv2Error

if TYPE_CHECKING:
    from prv2_ros.engine import DepthEngine

WEIGHTS_HELP = "name of shipped weights, or a .safetensors file"
DEVICE_HELP = "auto, cpu, cuda, cuda:1 ..."
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_NAMES = ("weights", "device", "precision", "runtime", "grid", "mode", "sharpen_edges")


def add(parser: argparse.ArgumentParser) -> None:
    """Add --weights and the options of `add_execution`."""
    parser.add_argument("--weights", default="prv2s", help=WEIGHTS_HELP)
    add_execution(parser)


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Add the options of an engine except its weights."""
    add = parser.add_argument
    add(
        "--coarse",
        metavar="MODEL",
        help="folder or hub name of a metric depth model of transformers to refine, such as "
        "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf (default: the weights' own branch); needs weights "
        "that read coarse depth alone",
    )
    add("--device", default="auto", help=DEVICE_HELP)
    add("--precision", default="auto", choices=PRECISIONS)
    add(
        "--runtime",
        default="auto",
        help="torch, openvino, openvino:gpu or onnxruntime (%(default)s: openvino on a CPU if installed, else torch)",
    )
    add("--grid", type=pair("ROWSxCOLUMNS", "4x4"), metavar="RxC", help="tiles, e.g. 4x4 (default: about 540x960 each)")
    add("--mode", default="p16", help="p16, p49 or r<n>: how tiles overlap (default: %(default)s)")
    add("--no-sharpen-edges", dest="sharpen_edges", action="store_false", help="keep the network's soft edges")


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `DepthEngine.load` that the command line gives.

    Raises:
        Prv2Error: --coarse is "topic", for which files have other options.
    """
    if args.coarse == "topic":
        raise Prv2Error(
            "--coarse topic works in the node only; give measured depth with --coarse-depth (prv2 depth) or "
            "--coarse-topic (prv2 bag)"
        )
    return {name: getattr(args, name) for name in _NAMES} | {"coarse": args.coarse}


def load(args: argparse.Namespace, **options: Any) -> "DepthEngine":
    """The engine of the command line; `options` of `DepthEngine.load` override it.

    Raises:
        Prv2Error: Torch is missing, or the weights, the device or the mode cannot be used.
    """
    try:
        from prv2_ros.engine import DepthEngine
    except ImportError as error:
        if (error.name or "").split(".")[0] == "prv2_ros":
            raise
        raise Prv2Error(f"{error.name} is not installed: pip install -r requirements.txt") from error
    return checked(DepthEngine.load, **{**options_of(args), **options})


def checked(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call `make`; a ValueError of its arguments becomes a `Prv2Error`, which the command prints in one line."""
    try:
        return make(*args, **options)
    except ValueError as error:
        raise error if isinstance(error, Prv2Error) else Prv2Error(str(error)) from error
