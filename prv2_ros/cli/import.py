# SPDX-License-Identifier: Apache-2.0
"""`prv2 import`: published checkpoints of PatchRefiner V1 and PatchFusion as a weights file of ours."""

import argparse
import sys
from pathlib import Path

from prv2_ros.cli.arguments import check_output, pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 import`."""
    add = parser.add_argument
    add("checkpoint", metavar="CHECKPOINT", type=Path, help="pickle of the refiner, or a folder with pytorch_model.bin")
    add("out", metavar="OUT.safetensors", type=Path, help="the weights file to write")
    add("--coarse", type=Path, metavar="FILE", help="checkpoint of the coarse network, if separate")
    add("--fine", type=Path, metavar="FILE", help="checkpoint of the fine network, if separate")
    add("--process-size", type=pair("HEIGHTxWIDTH", "384x512"), metavar="HxW", help="of a tile (default: as trained)")
    add("--half", action="store_true", help="store fp16, half the size, instead of exact fp32")


def run(args: argparse.Namespace) -> int:
    """Write the file and print its contents.

    Raises:
        Prv2Error: A checkpoint is missing, refused or of another network, or the file cannot be written there.
    """
    check_output(args.out, ".safetensors")
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
