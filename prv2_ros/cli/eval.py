# SPDX-License-Identifier: Apache-2.0
"""`prv2 eval`: measure weights on a data set, coarse branch and refined depth side by side."""

import argparse
from functools import partial
from itertools import count
from pathlib import Path

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import check_output, positive_int, progress, write_json
from prv2_ros.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 eval`."""
    add = parser.add_argument
    add("weights", metavar="WEIGHTS", help=engine_options.WEIGHTS_HELP)
    add("dataset", metavar="DATASET", type=Path, help="folder of the data set")
    add("--split", help="train, val or test (default: every frame)")
    add("--limit", type=positive_int, metavar="N", help="only the first N frames")
    add("--every", type=positive_int, metavar="N", default=1, help="only every N-th frame")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--budget-tiles", type=positive_int, metavar="N", help="also measure with at most N refined tiles a frame"
    )
    budget.add_argument(
        "--budget-share",
        type=float,
        metavar="S",
        help="also measure within this share (0 to 1) of the time of full refinement",
    )
    add("--json", type=Path, metavar="OUT", help="write settings, means and each frame to OUT")
    add("--means-only", action="store_true", help="print only the means, no row for each frame")
    add("--min-depth", type=float, default=1e-3, metavar="M", help="near end of the range (%(default)s m)")
    add("--max-depth", type=float, default=80.0, metavar="M", help="far end of the range (%(default)s m)")
    add(
        "--baseline",
        type=float,
        default=0.2,
        metavar="M",
        help="stereo baseline for the disparity that the metric SEE uses (%(default)s m)",
    )
    add(
        "--no-consistency",
        action="store_true",
        help="skip the tile-consistency error, which costs 1.6 times the tiles of p16",
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
    if args.json:
        check_output(args.json)
    dataset = open_dataset(args.dataset, args.split)
    indices = range(0, len(dataset), args.every)[: args.limit]
    if not indices:
        raise DataError(f"{args.dataset} has no frame" + (f" in split '{args.split}'" if args.split else ""))
    engine, show, done = engine_options.load(args), progress("measured"), count(1)
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
            progress=lambda _: show(next(done), len(indices)),
        )
    finally:
        engine.close()
    print(report.table(per_frame=not args.means_only))
    write_json(args.json, report.as_dict())
    return 0
