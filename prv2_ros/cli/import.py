# SPDX-License-Identifier: Apache-2.0
"""`prv2 import`: published checkpoints of PatchRefiner V1 and PatchFusion as a weights file of ours."""

import argparse
import sys
from pathlib import Path

from prv2_ros.errors import Prv2Error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 import`."""
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="pickle of the refiner, or a folder with pytorch_model.bin"
    )
    parser.add_argument("out", metavar="OUT.safetensors", type=Path, help="the weights file to write")
    parser.add_argument("--coarse", type=Path, metavar="FILE", help="checkpoint of the coarse network, if it is apart")
    parser.add_argument("--fine", type=Path, metavar="FILE", help="checkpoint of the fine network, if it is apart")
    parser.add_argument(
        "--process-size", type=_size, metavar="HxW", help="of a tile (default: that of the network's training)"
    )
    parser.add_argument("--half", action="store_true", help="store fp16, half as large, instead of exact fp32")


def run(args: argparse.Namespace) -> int:
    """Write the file and say what it is.

    Raises:
        Prv2Error: A checkpoint is missing, refused or of another network, or the file cannot be written there.
    """
    if args.out.suffix != ".safetensors":
        raise Prv2Error(f"{args.out} does not end in .safetensors")
    if not args.out.resolve().parent.is_dir():
        raise Prv2Error(f"{args.out.resolve().parent} is not a folder, so {args.out.name} cannot be written there")
    import torch

    from prv2_ros.engine.published import import_checkpoint

    imported = import_checkpoint(
        args.checkpoint,
        args.out,
        coarse=args.coarse,
        fine=args.fine,
        process_size=args.process_size,
        dtype=torch.float16 if args.half else torch.float32,
        progress=lambda text: print(text, file=sys.stderr),
    )
    header, (height, width) = imported.header, imported.header.process_size
    print(
        f"{args.out}: {header.variant} with {header.coarse}, tiles of {height}x{width}, "
        f"{imported.refiner_parameters:,} parameters and {imported.coarse_parameters:,} of the coarse branch"
    )
    print(f"licence of the weights: {header.provenance['licence']}")
    return 0


def _size(text: str) -> tuple[int, int]:
    height, separator, width = text.lower().partition("x")
    if not separator or not height.isdigit() or not width.isdigit() or not int(height) or not int(width):
        raise argparse.ArgumentTypeError(f"'{text}' is not HEIGHTxWIDTH, e.g. 384x512")
    return int(height), int(width)
