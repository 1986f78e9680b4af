# SPDX-License-Identifier: Apache-2.0
"""`prv2 eval`: measure weights on a data set, coarse branch and refined depth side by side."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from prv2_ros.cli import engine_options
from prv2_ros.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 eval`."""
    parser.add_argument("weights", metavar="WEIGHTS", help="name of shipped weights, or a .safetensors file")
    parser.add_argument("dataset", metavar="DATASET", type=Path, help="folder of one data set")
    parser.add_argument("--split", help="train, val or test (default: every frame)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N frames")
    parser.add_argument("--every", type=_positive, metavar="N", default=1, help="only every N-th frame")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--budget-tiles", type=_positive, metavar="N", help="measure also with at most N tiles a frame refined"
    )
    budget.add_argument(
        "--budget-share",
        type=float,
        metavar="S",
        help="measure also within S (0 to 1) of the time of full refinement, such as 0.5",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write settings, means and every frame to OUT")
    parser.add_argument("--means-only", action="store_true", help="print the means without a row a frame")
    parser.add_argument(
        "--min-depth", type=float, default=1e-3, metavar="M", help="near end of the range (%(default)s m)"
    )
    parser.add_argument(
        "--max-depth", type=float, default=80.0, metavar="M", help="far end of the range (%(default)s m)"
    )
    parser.add_argument(
        "--baseline",
        type=float,
        default=0.2,
        metavar="M",
        help="stereo baseline that turns ground truth into the disparity whose jumps SEE looks at (%(default)s m)",
    )
    parser.add_argument(
        "--no-consistency",
        action="store_true",
        help="leave out the tile-consistency error (1.6 times the tiles of p16)",
    )
    engine_options.add_execution(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON.

    Raises:
        Prv2Error: The weights, the data set or the range cannot be used.
    """
    from prv2_ros.data import open_dataset
    from prv2_ros.evaluation import BudgetedEngine, engine_consistency, evaluate

    if not 0 < args.min_depth < args.max_depth:
        raise DataError(
            f"range {args.min_depth:g} to {args.max_depth:g} m: the near end must be above 0 and below the far end"
        )
    if args.json and not args.json.resolve().parent.is_dir():
        raise DataError(f"{args.json.resolve().parent} is not a folder, so {args.json.name} cannot be written there")
    if args.json and args.json.is_dir():
        raise DataError(f"--json {args.json} is a folder: give a file, such as {args.json / 'eval.json'}")
    dataset = open_dataset(args.dataset, args.split)
    indices = range(0, len(dataset), args.every)[: args.limit]
    if not indices:
        raise DataError(f"{args.dataset} has no frame" + (f" in split '{args.split}'" if args.split else ""))
    engine = engine_options.load(args)
    try:
        budgeted = None
        if args.budget_tiles or args.budget_share is not None:
            budgeted = BudgetedEngine(engine, tiles=args.budget_tiles, share=args.budget_share)
        report = evaluate(
            engine,
            (dataset[index] for index in indices),
            min_depth=args.min_depth,
            max_depth=args.max_depth,
            baseline_m=args.baseline,
            consistency=None if args.no_consistency else partial(engine_consistency, engine),
            budgeted=budgeted,
            settings={
                "weights": engine.weights_name,
                "variant": engine.variant,
                "coarse": engine.coarse_name,
                "device": str(engine.device),
                "precision": engine.precision,
                "mode": args.mode,
                "data_set": dataset.name,
                "split": args.split,
                "budget_tiles": args.budget_tiles,
                "budget_share": args.budget_share,
            },
            progress=_progress(len(indices)),
        )
    finally:
        engine.close()
    print(report.table(per_frame=not args.means_only))
    if args.json:
        args.json.write_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _progress(count: int):
    """A line on a terminal's stderr that is written over; nothing in a log file."""
    done = 0

    def show(frame) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{count} {frame.name}\033[K" + ("\n" if done == count else ""))

    return show
