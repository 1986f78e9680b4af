# SPDX-License-Identifier: Apache-2.0
"""`prv2 export`: the networks of a weights file as ONNX, checked against torch, with the line for TensorRT."""

import argparse
from pathlib import Path

from prv2_ros.cli.arguments import check_output, positive_int
from prv2_ros.cli.engine_options import WEIGHTS_HELP
from prv2_ros.errors import Prv2Error

# Relative to the output's range; other kernels sum in another order.
_TOLERANCE = 1e-3
# Stored with the files: in 16 bits a logarithm of depth would be off by half a percent, so it stays outside.
_WITH_FEATURES = "max(coarse_depth + residual, 0)"
_OF_LOG_DEPTH = (
    "coarse_depth * exp(residual); relative_log_depth is log(max(coarse_depth, 0.01)) less its mean over the tile"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 export`."""
    add = parser.add_argument
    add("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    add("out", metavar="OUT.onnx", type=Path, help="of the refiner; the coarse branch is written beside it")
    add("--batch", type=_batch, default=1, metavar="N", help="tiles a call, or 'dynamic' (%(default)s)")
    add("--no-check", action="store_true", help="do not compare the files with torch by onnxruntime")


def run(args: argparse.Namespace) -> int:
    """Write both files, check them, print what to do with them.

    Raises:
        Prv2Error: The weights cannot be used, a package is missing, or a file does not agree with torch.
    """
    from prv2_ros.engine.networks import create_networks
    from prv2_ros.engine.onnx_export import check, write_onnx
    from prv2_ros.engine.runtimes.networks import exportable_coarse, exportable_refiner, reads_features
    from prv2_ros.tiling import PatchRefiner

    check_output(args.out, ".onnx")
    header, refiner, coarse = create_networks(args.weights)
    if header.fine:
        raise Prv2Error(f"{args.weights} holds {header.variant}: only variants of PatchRefiner V2 can be exported")
    model = PatchRefiner(coarse, refiner, header.process_size).eval()
    formula = _WITH_FEATURES if reads_features(refiner) else _OF_LOG_DEPTH
    metadata = {**header.to_metadata(), "depth": formula}
    files = [
        write_onnx(exportable_refiner(model, batch=args.batch), args.out, metadata),
        write_onnx(exportable_coarse(model), args.out.with_name(f"{args.out.stem}_coarse.onnx"), metadata),
    ]
    for exported in files:
        line = f"{exported.path}: {exported.path.stat().st_size / 1e6:.1f} MB"
        if not args.no_check:
            difference = check(exported)
            line += f", largest difference to torch {difference:.1e} of the output's range"
            if not difference < _TOLERANCE:
                raise Prv2Error(f"{exported.path} does not agree with torch: {difference:.1e} of the output's range")
        print(line)
    print(f"depth of a tile, in float32: {formula}")
    print("TensorRT, on the target machine:")
    for exported in files:
        print(f"  {exported.trtexec()}")
    return 0


def _batch(text: str) -> int | None:
    return None if text == "dynamic" else positive_int(text)
