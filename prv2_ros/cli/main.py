# SPDX-License-Identifier: Apache-2.0
"""Entry point of `prv2`: imports only the module of the subcommand that is asked for."""

import argparse
import logging
import os
import sys
from importlib import import_module

from prv2_ros.errors import Prv2Error

COMMANDS = {
    "depth": "metric depth of images, folders and videos",
    "params": "parameter counts of every variant",
    "render": "synthetic driving and indoor sequences with exact depth (MuJoCo)",
    "pack": "data sets shrunk into one file for training on a GPU",
    "train": "run a training recipe",
    "eval": "measure weights on a data set",
    "ablate": "the paper's ablation at small width: render, train, measure, write doc/ablation.md",
    "compare": "cost and quality of PatchRefiner V1, PatchFusion and PRO beside ours",
    "bench": "stage times, memory and arithmetic of engine and node, against the naive path",
    "import": "published checkpoints of PatchRefiner V1 and PatchFusion as a weights file",
    "export": "the networks as ONNX files, for TensorRT and other runtimes",
    "bag": "a recording in, the same recording with depth, cloud and timing out",
    "view": "a recording with depth in the Rerun viewer",
    "report": "one HTML file about a recording with depth: pictures to wipe between, timing, histogram",
    "demo": "play the demo bag to the node and measure what it publishes",
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """Parser with every subcommand listed, and the arguments of `command` alone filled in."""
    parser = argparse.ArgumentParser(prog="prv2", description="PatchRefiner V2 metric depth")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what is done, and tracebacks")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        if name == command:
            module = import_module(f"prv2_ros.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run `prv2`; returns the exit status: 0 done, 1 a stated error, 2 wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    command = next((word for word in argv if word in COMMANDS), None)
    try:
        args = build_parser(command).parse_args(argv)
    except ModuleNotFoundError as error:
        return _missing(command, error)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    # Building for a runtime takes a while, once: whoever waits is told why.
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
        # `prv2 params | head`: the reader has seen enough. What is left must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _missing(command: str | None, error: ModuleNotFoundError) -> int:
    """Say which package is not installed; one of our own that is missing is a bug, and raised."""
    package = (error.name or "").split(".")[0]
    if package in ("", "prv2_ros"):
        raise error
    sys.stderr.write(
        f"prv2 {command}: the Python package {package} is not installed here; "
        "pip install -e '.[train]' in the checkout brings it\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
