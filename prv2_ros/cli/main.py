# SPDX-License-Identifier: Apache-2.0
"""Entry point of `prv2`: imports only the module of the chosen subcommand."""

import argparse
import logging
import os
import sys
from importlib import import_module

from prv2_ros.errors import Prv2Error

COMMANDS = {
    "depth": "metric depth of images, folders and videos",
    "params": "parameter counts of every variant",
    "render": "render driving and indoor scenes with exact depth (MuJoCo)",
    "pack": "shrink data sets into one file for training on a GPU",
    "train": "run a training recipe",
    "eval": "evaluate weights on a data set",
    "compare": "compare cost and quality with PatchRefiner V1, PatchFusion and PRO",
    "bench": "stage times, memory and arithmetic of the engine",
    "import": "convert published checkpoints of PatchRefiner V1 and PatchFusion to a weights file",
    "export": "write the networks as ONNX files, for TensorRT and other runtimes",
    "bag": "add depth, cloud and timing to a recording",
    "view": "show a recording with depth in the Rerun viewer",
    "report": "one HTML file about a recording with depth: images to compare, timing, histogram",
    "demo": "play the demo recording to the node and evaluate its depth",
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """Parser with all subcommands, and the arguments of `command` only."""
    parser = argparse.ArgumentParser(prog="prv2", description="PatchRefiner V2 metric depth")
    parser.add_argument("-v", "--verbose", action="store_true", help="log details and tracebacks")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        if name == command:
            module = import_module(f"prv2_ros.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run `prv2`; exit status 0 for success, 1 for a reported error, 2 for wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    command = next((word for word in argv if word in COMMANDS), None)
    try:
        args = build_parser(command).parse_args(argv)
    except ModuleNotFoundError as error:
        return _missing(command, error)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    # Building for a runtime takes a while, once: log it.
    logging.getLogger("prv2_ros.engine.runtimes").setLevel(logging.INFO)
    try:
        status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except Prv2Error as error:
        if args.verbose:
            logging.exception("traceback")
        sys.stderr.write(f"prv2 {args.command}: {error}\n")
        return 1
    except ModuleNotFoundError as error:
        return _missing(args.command, error)
    except BrokenPipeError:
        # `prv2 params | head`: the reader is gone; stop Python from flushing again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _missing(command: str | None, error: ModuleNotFoundError) -> int:
    """Report a missing package; a missing module of our own is a bug, and raised."""
    package = (error.name or "").split(".")[0]
    if package in ("", "prv2_ros"):
        raise error
    sys.stderr.write(
        f"prv2 {command}: the package {package} is not installed; run pip install -e '.[train]' in the checkout\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
