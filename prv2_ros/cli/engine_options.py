# SPDX-License-Identifier: Apache-2.0
"""The options of every subcommand that runs the network, and the engine they describe."""

import argparse
from typing import TYPE_CHECKING, Any

from prv2_ros.errors import Prv2Error

if TYPE_CHECKING:
    from prv2_ros.engine import DepthEngine

DEVICE_HELP = "auto, cpu, cuda, cuda:1 ..."


def add(parser: argparse.ArgumentParser) -> None:
    """Add --weights and the options of `add_execution`."""
    parser.add_argument("--weights", default="prv2s", help="name of shipped weights, or a .safetensors file")
    add_execution(parser)


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Add the options of an engine but for its weights, for a subcommand that names them itself."""
    parser.add_argument(
        "--coarse",
        metavar="MODEL",
        help="folder or hub name of a metric depth model of transformers whose depth is refined, such as "
        "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf (default: the weights' own branch); for weights that "
        "read coarse depth alone",
    )
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"))
    parser.add_argument(
        "--runtime",
        default="auto",
        help="torch, openvino, openvino:gpu or onnxruntime (%(default)s: openvino on a CPU where it is installed)",
    )
    parser.add_argument("--grid", type=_grid, metavar="RxC", help="tiles, e.g. 4x4 (default: tiles of about 540x960)")
    parser.add_argument("--mode", default="p16", help="p16, p49 or r<n>: how tiles overlap (default: %(default)s)")
    parser.add_argument(
        "--no-sharpen-edges",
        dest="sharpen_edges",
        action="store_false",
        help="leave the edges as soft as the network draws them",
    )


def load(args: argparse.Namespace, **options: Any) -> "DepthEngine":
    """The `DepthEngine` that the command line, and further options of `DepthEngine.load`, describe.

    What is among the options goes before the command line.

    Raises:
        Prv2Error: Torch is missing, or the weights, the device or the mode cannot be used.
    """
    try:
        from prv2_ros.engine import DepthEngine
    except ImportError as error:
        if (error.name or "").split(".")[0] == "prv2_ros":
            raise
        raise Prv2Error(f"{error.name} is not installed: pip install -r requirements.txt") from error
    try:
        chosen = {
            "weights": args.weights,
            "device": args.device,
            "precision": args.precision,
            "runtime": args.runtime,
            "grid": args.grid,
            "coarse": coarse_of(args),
            "mode": args.mode,
            "sharpen_edges": args.sharpen_edges,
        }
        return DepthEngine.load(**{**chosen, **options})
    except ValueError as error:
        raise error if isinstance(error, Prv2Error) else Prv2Error(str(error)) from error


def coarse_of(args: argparse.Namespace) -> str | None:
    """What `--coarse` names.

    Raises:
        Prv2Error: it is "topic", which files have other options for.
    """
    if args.coarse == "topic":
        raise Prv2Error(
            "--coarse topic is the node's: give measured depth with --coarse-depth (prv2 depth) or --coarse-topic "
            "(prv2 bag)"
        )
    return args.coarse


def _grid(text: str) -> tuple[int, int]:
    rows, separator, columns = text.lower().partition("x")
    if not separator or not rows.isdigit() or not columns.isdigit() or not int(rows) or not int(columns):
        raise argparse.ArgumentTypeError(f"'{text}' is not ROWSxCOLUMNS, e.g. 4x4")
    return int(rows), int(columns)
