# SPDX-License-Identifier: Apache-2.0
"""`prv2 export`: the networks of a weights file as ONNX, checked against torch, with the line for TensorRT."""

import argparse
from pathlib import Path

from prv2_ros.errors import Prv2Error

# Of the largest output; other kernels add in another order.
_TOLERANCE = 1e-3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 export`."""
    parser.add_argument("weights", metavar="WEIGHTS", help="name of shipped weights, or a .safetensors file")
    parser.add_argument("out", metavar="OUT.onnx", type=Path, help="the refiner; the coarse branch goes beside it")
    parser.add_argument("--batch", type=_batch, default=1, metavar="N", help="tiles a call, or 'dynamic' (%(default)s)")
    parser.add_argument("--no-check", action="store_true", help="do not run the files by onnxruntime")


def run(args: argparse.Namespace) -> int:
    """Write both files, check them, print what to do with them.

    Raises:
        Prv2Error: The weights cannot be used, a package is missing, or a file does not agree with torch.
    """
    from prv2_ros.engine import onnx_export
    from prv2_ros.engine.networks import create_networks

    if args.out.suffix != ".onnx":
        raise Prv2Error(f"{args.out} does not end in .onnx")
    if not args.out.resolve().parent.is_dir():
        raise Prv2Error(f"{args.out.resolve().parent} is not a folder, so {args.out.name} cannot be written there")
    header, refiner, coarse = create_networks(args.weights)
    files = [
        (
            onnx_export.export_refiner(refiner, args.out, header, batch=args.batch),
            onnx_export.TileNetwork(refiner),
        ),
        (
            onnx_export.export_coarse(coarse, args.out.with_name(f"{args.out.stem}_coarse.onnx"), header),
            onnx_export.CoarseNetwork(coarse, header.process_size),
        ),
    ]
    for exported, network in files:
        line = f"{exported.path}: {exported.path.stat().st_size / 1e6:.1f} MB"
        if not args.no_check:
            difference = onnx_export.check(exported, network)
            line += f", largest difference to torch {difference:.1e} of the output's range"
            if not difference < _TOLERANCE:
                raise Prv2Error(f"{exported.path} does not agree with torch: {difference:.1e} of the output's range")
        print(line)
    print("TensorRT, on the machine where it will run:")
    for exported, _ in files:
        print(f"  {exported.trtexec()}")
    return 0


def _batch(text: str) -> int | None:
    if text == "dynamic":
        return None
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is neither a number of tiles nor 'dynamic'")
    return int(text)
