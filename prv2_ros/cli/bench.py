# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench`: stage times, memory and arithmetic of the engine, as ratios within one run."""

import argparse
import os
from pathlib import Path
from typing import Any

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import check_output, pair, positive_int, write_json
from prv2_ros.errors import Prv2Error

NAMED_SIZES = {"1080p": (1080, 1920), "4k": (2160, 3840), "8k": (4320, 7680)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 bench`."""
    add = parser.add_argument
    engine_options.add(parser)
    add("--variant", help="this variant with random weights instead of --weights (prv2m, prv2e, ...)")
    add("--size", type=_size, default="4k", help="frame size: 1080p, 4k, 8k or WIDTHxHEIGHT (4k)")
    add("--frames", type=positive_int, default=10, metavar="N", help="frames to measure (%(default)s)")
    add("--warm-up", type=positive_int, default=2, metavar="N", help="frames before, not measured (%(default)s)")
    add("--threads", type=positive_int, metavar="N", help="CPU threads (default: torch's choice)")
    add(
        "--acceleration",
        default="auto",
        help="none, compile (torch.compile), graphs (CUDA graphs) or compile-graphs (%(default)s: the fastest on CUDA)",
    )
    add(
        "--compare",
        choices=("naive",),
        help="naive: also run a plain float32 implementation (a RoIAlign a tile, eager) and print ratio and difference",
    )
    add(
        "--suite",
        choices=("cuda",),
        help="cuda: a table of variants, --sizes and accelerations on --device against the naive path",
    )
    add(
        "--seconds", type=positive_int, default=150, metavar="N", help="with --suite: no row starts later (%(default)s)"
    )
    add(
        "--peers", action="store_true", help="compare with Depth Anything V2 small at 518 pixels, in OpenVINO and torch"
    )
    add("--profile", action="store_true", help="list the slowest operators")
    add("--sizes", type=_sizes, metavar="A,B", help="a table over these sizes; --coarse A,B adds coarse networks to it")
    add("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON.

    Raises:
        Prv2Error: Something cannot be measured here.
    """
    if args.json:
        check_output(args.json)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler warns about a missing GPU
    if args.suite:
        _run_suite(args)
        return 0
    if args.coarse and (args.variant or args.peers):
        raise Prv2Error("--coarse works with --weights, not with --variant or --peers")
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    several = args.coarse and ("," in args.coarse or args.coarse.startswith("random-"))
    if args.sizes or several:
        write_json(args.json, _run_table(args, [None, *args.coarse.split(",")] if several else [args.coarse]))
        return 0
    engine = _engine(args)
    try:
        write_json(args.json, _run_peers(args, engine) if args.peers else _run_engine(args, engine))
    finally:
        engine.close()
    return 0


def _engine(args: argparse.Namespace) -> Any:
    if not args.variant:
        return engine_options.load(args, acceleration=args.acceleration)
    from prv2_ros.bench.subject import random_engine

    names = ("device", "precision", "grid", "mode", "acceleration", "runtime")
    return engine_options.checked(random_engine, args.variant, **{name: getattr(args, name) for name in names})


def _run_engine(args: argparse.Namespace, engine: Any) -> dict[str, Any]:
    from prv2_ros.bench.report import as_text
    from prv2_ros.bench.run import BenchPlan, run_bench

    plan = BenchPlan(args.size, args.frames, args.warm_up, args.compare == "naive", args.profile)
    result = run_bench(engine, plan)
    print(as_text(result))
    return result


def _run_peers(args: argparse.Namespace, engine: Any) -> dict[str, Any]:
    from prv2_ros.bench.peers import measure_peers, peers_as_text

    rows = measure_peers(engine, args.size, frames=args.frames)
    print(peers_as_text(rows))
    return {"peers": rows}


def _run_table(args: argparse.Namespace, names: list[str | None]) -> dict[str, Any]:
    from prv2_ros.bench.table import measure_table, table_as_text

    def load(coarse: str | None) -> Any:
        return _engine(argparse.Namespace(**{**vars(args), "coarse": coarse}))

    rows = measure_table(load, names, args.sizes or [args.size], frames=args.frames)
    print(table_as_text(rows))
    return {"rows": rows}


def _run_suite(args: argparse.Namespace) -> None:
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
            raise Prv2Error(f"unknown acceleration in '{args.acceleration}'; choose from {', '.join(ACCELERATIONS)}")
    plan = SuitePlan(seconds=args.seconds, **chosen)
    run_suite(plan, lambda line: print(line, flush=True), lambda result: write_json(args.json, result))


def _size(text: str) -> tuple[int, int]:
    if text.lower() in NAMED_SIZES:
        return NAMED_SIZES[text.lower()]
    width, height = pair(f"{', '.join(NAMED_SIZES)} or WIDTHxHEIGHT", "1280x720")(text)
    if min(width, height) < 32:
        raise argparse.ArgumentTypeError(f"'{text}' is too small: at least 32 pixels a side")
    return height, width


def _sizes(text: str) -> list[tuple[int, int]]:
    return [_size(part) for part in text.split(",")]
