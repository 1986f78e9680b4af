# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench`: stage times, memory and arithmetic of the engine and of the node, as ratios within one run."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prv2_ros.cli import engine_options
from prv2_ros.errors import DataError, Prv2Error

NAMED_SIZES = {"1080p": (1080, 1920), "4k": (2160, 3840), "8k": (4320, 7680)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 bench`."""
    engine_options.add(parser)
    parser.add_argument(
        "--variant", help="any variant with random weights instead of --weights (prv2m, prv2e, prv2c ...)"
    )
    parser.add_argument("--size", type=_size, default="4k", help="of the frame: 1080p, 4k, 8k or WIDTHxHEIGHT (4k)")
    parser.add_argument("--frames", type=_positive, default=10, metavar="N", help="how many count (%(default)s)")
    parser.add_argument("--warm-up", type=_positive, default=2, metavar="N", help="how many do not (%(default)s)")
    parser.add_argument("--threads", type=_positive, metavar="N", help="of the CPU (default: as torch chooses)")
    parser.add_argument(
        "--acceleration",
        default="auto",
        help="none, compile (torch.compile), graphs (CUDA graphs) or compile-graphs (%(default)s: the fastest on CUDA)",
    )
    parser.add_argument("--tile", action="store_true", help="one tile instead of whole frames")
    parser.add_argument(
        "--compare",
        choices=("naive",),
        help="naive: also a RoIAlign a tile, one tile at a time, float32, contiguous, eager; ratio and difference",
    )
    parser.add_argument(
        "--suite",
        choices=("cuda",),
        help="cuda: one table of variants, --sizes and accelerations on --device against the naive path",
    )
    parser.add_argument(
        "--seconds", type=_positive, default=150, metavar="N", help="with --suite: begin no row later (%(default)s)"
    )
    parser.add_argument(
        "--peers", action="store_true", help="beside Depth Anything V2 small at 518 pixels, in OpenVINO and in torch"
    )
    parser.add_argument("--profile", action="store_true", help="list the operators that take most of the time")
    parser.add_argument("--sizes", type=_sizes, metavar="A,B", help="how cost grows: a table over these sizes")
    parser.add_argument("--cameras", type=_counts, metavar="N,M", help="and over these numbers of cameras (1)")
    parser.add_argument("--ros", action="store_true", help="the node's receive, convert and publish over real DDS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON.

    Raises:
        Prv2Error: What is to be measured cannot be run here.
    """
    if args.json and not args.json.resolve().parent.is_dir():
        raise DataError(f"{args.json.resolve().parent} is not a folder, so {args.json.name} cannot be written there")
    if args.ros:
        return _run_ros(args)
    if args.suite:
        return _run_suite(args)
    if args.coarse and (args.variant or args.peers):
        raise Prv2Error("--coarse goes with --weights, not with --variant or --peers")
    if args.coarse and ("," in args.coarse or args.coarse.startswith("random-")):
        return _run_coarse(args)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler complains of the GPU that is not there
    import torch

    from prv2_ros.bench.report import as_text
    from prv2_ros.bench.run import BenchPlan, run_bench

    if args.threads:
        torch.set_num_threads(args.threads)
    plan = BenchPlan(
        size=args.size,
        frames=args.frames,
        warm_up=args.warm_up,
        tile=args.tile,
        compare_naive=args.compare == "naive",
        profile=args.profile,
        sizes=args.sizes or ([args.size] if args.cameras else []),
        cameras=args.cameras or [1],
    )
    engine = _engine(args)
    try:
        if args.peers:
            from prv2_ros.bench.peers import measure_peers, peers_as_text

            result = {"peers": measure_peers(engine, args.size, frames=args.frames)}
            print(peers_as_text(result["peers"]))
        else:
            result = run_bench(engine, plan)
            print(as_text(result))
    finally:
        engine.close()
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _engine(args: argparse.Namespace):
    if not args.variant:
        return engine_options.load(args, acceleration=args.acceleration)
    from prv2_ros.bench.subject import random_engine

    try:
        return random_engine(
            args.variant,
            device=args.device,
            precision=args.precision,
            grid=args.grid,
            mode=args.mode,
            acceleration=args.acceleration,
            runtime=args.runtime,
        )
    except ValueError as error:
        raise error if isinstance(error, Prv2Error) else Prv2Error(str(error)) from error


def _run_coarse(args: argparse.Namespace) -> int:
    """Several coarse networks in one run, the weights' own branch first."""
    import torch

    from prv2_ros.bench.coarse import coarse_as_text, measure_coarse

    if args.threads:
        torch.set_num_threads(args.threads)

    def load(coarse: str | None) -> Any:
        return engine_options.load(args, coarse=coarse, acceleration=args.acceleration)

    rows = measure_coarse(load, args.coarse.split(","), args.size, frames=args.frames)
    print(coarse_as_text(rows))
    if args.json:
        args.json.write_text(json.dumps({"coarse": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


def _run_suite(args: argparse.Namespace) -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    from prv2_ros.bench.suite import SuitePlan, run_suite
    from prv2_ros.engine.acceleration import ACCELERATIONS

    chosen: dict[str, Any] = {"device": args.device, "precision": args.precision, "frames": args.frames}
    if args.sizes:
        chosen["sizes"] = tuple(args.sizes)
    if args.variant:
        chosen["variants"] = tuple(args.variant.split(","))
    if args.acceleration != "auto":
        chosen["ways"] = tuple(args.acceleration.split(","))
        if not set(chosen["ways"]) <= set(ACCELERATIONS):
            raise Prv2Error(f"unknown acceleration in '{args.acceleration}': choose of {', '.join(ACCELERATIONS)}")

    def keep(result: dict[str, Any]) -> None:
        if args.json:
            args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    run_suite(SuitePlan(seconds=args.seconds, **chosen), lambda line: print(line, flush=True), keep)
    return 0


def _run_ros(args: argparse.Namespace) -> int:
    """In a process of its own, for only the node's room may know ROS."""
    from prv2_ros.demo.processes import require_ros, ros_environment

    require_ros()
    height, width = args.size
    command = [sys.executable, "-m", "prv2_ros.node.tools.bench", "--width", str(width), "--height", str(height)]
    command += ["--frames", str(args.frames), *(["--json", str(args.json)] if args.json else [])]
    return subprocess.run(command, env=ros_environment(), check=False).returncode


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    if text.lower() in NAMED_SIZES:
        return NAMED_SIZES[text.lower()]
    width, separator, height = text.lower().partition("x")
    if not separator or not width.isdigit() or not height.isdigit() or min(int(width), int(height)) < 32:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not {', '.join(NAMED_SIZES)} or WIDTHxHEIGHT of at least 32 pixels a side"
        )
    return int(height), int(width)


def _sizes(text: str) -> list[tuple[int, int]]:
    return [_size(part) for part in text.split(",")]


def _counts(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",")]
