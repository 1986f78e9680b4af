# SPDX-License-Identifier: Apache-2.0
"""`prv2 compare`: cost of the published refiners beside ours, and their quality trained alike at small width."""

import argparse
import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prv2_ros.cli.arguments import positive_int, write_json
from prv2_ros.cli.engine_options import DEVICE_HELP, PRECISIONS
from prv2_ros.errors import DataError, Prv2Error

PARTS = ("cost", "quality", "page")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 compare`."""
    add = parser.add_argument
    add(
        "dataset",
        nargs="?",
        type=Path,
        metavar="DATASET",
        help="for the quality part: a set with splits train and test",
    )
    add("--out", type=Path, default=Path("out/compare"), help="runs and results (%(default)s)")
    add("--doc", type=Path, help="page to write (default: comparison.md in --out)")
    add("--part", choices=PARTS, action="append", help="run only this part; can be repeated (default: all possible)")
    cost = parser.add_argument_group("cost")
    cost.add_argument("--threads", type=positive_int, metavar="N", help="CPU threads; 1 measures CPU time")
    cost.add_argument("--device", default="auto", help=DEVICE_HELP)
    cost.add_argument("--precision", default="fp32", choices=PRECISIONS)
    cost.add_argument("--methods", metavar="KEYS", help="only these systems, comma-separated")
    cost.add_argument("--whole", action="store_true", help="whole frames on a CPU too, not one tile times 16")
    cost.add_argument("--repeats", type=positive_int, default=2, metavar="N", help="measurements after the first (2)")
    quality = parser.add_argument_group("quality")
    quality.add_argument("--seeds", type=positive_int, default=3, metavar="N", help="seeds a row (%(default)s)")
    quality.add_argument(
        "--steps", type=positive_int, default=600, metavar="N", help="steps of a refiner (%(default)s)"
    )
    quality.add_argument(
        "--coarse-steps", type=positive_int, default=800, metavar="N", help="steps of the coarse branch (%(default)s)"
    )
    quality.add_argument("--test-frames", type=positive_int, default=24, metavar="N", help="at most (%(default)s)")
    quality.add_argument("--rows", metavar="KEYS", help="only these rows, comma-separated")


def run(args: argparse.Namespace) -> int:
    """Measure what is asked for and write the page.

    Raises:
        Prv2Error: A system, row or data set is unknown, or a training fails.
    """
    parts = set(args.part or (PARTS if args.dataset else ("cost", "page")))
    if "quality" in parts and args.dataset is None:
        raise DataError("the quality part needs DATASET, such as one that prv2 render wrote")
    args.out.mkdir(parents=True, exist_ok=True)
    if "cost" in parts:
        _cost(args)
    if "quality" in parts:
        _quality(args)
    page = args.doc or args.out / "comparison.md"
    _page(args.out, page)
    print(page)
    return 0


def _cost(args: argparse.Namespace) -> None:
    import torch

    from prv2_ros.bench.costs import CostPlan, measure_costs, setting
    from prv2_ros.bench.methods import METHODS
    from prv2_ros.engine.device import resolve_device

    if args.threads:
        torch.set_num_threads(args.threads)
    keys = args.methods.split(",") if args.methods else list(METHODS)
    unknown = sorted(set(keys) - set(METHODS))
    if unknown:
        raise Prv2Error(f"no system {', '.join(unknown)}; known are {', '.join(METHODS)}")
    device = resolve_device(args.device)
    plan = CostPlan(device=str(device), precision=args.precision, whole=args.whole, repeats=args.repeats)
    if device.type == "cuda":
        plan = replace(plan, whole=True, repeats=max(3, args.repeats))
    # PRV2M first: the others are given as ratios to it
    keys = ["prv2m", *(key for key in METHODS if key in keys and key != "prv2m")]
    costs = measure_costs(keys, plan, lambda line: print(line, flush=True))
    told = setting(plan)
    name = re.sub(r"\W+", "_", f"{told['device']}_{told['precision']}").lower()
    write_json(args.out / f"cost_{name}.json", {"setting": told, "costs": [asdict(cost) for cost in costs]})


def _quality(args: argparse.Namespace) -> None:
    from prv2_ros.training.comparison.study import Comparison, chosen_rows

    Comparison(
        args.dataset,
        args.out,
        seeds=args.seeds,
        steps=args.steps,
        coarse_steps=args.coarse_steps,
        test_frames=args.test_frames,
        rows=chosen_rows(args.rows.split(",") if args.rows else None),
        progress=lambda line: print(line, flush=True),
    ).run()


def _page(out: Path, page: Path) -> None:
    from prv2_ros.bench.methods import METHODS
    from prv2_ros.training.comparison.page import write_page
    from prv2_ros.training.studies import Measurement

    costs: list[dict[str, Any]] = [json.loads(file.read_text()) for file in sorted(out.glob("cost_*.json"))]
    saved: dict[str, Any] = {"results": [], "settings": None}
    if (out / "results.json").is_file():
        saved = json.loads((out / "results.json").read_text())
        saved["settings"]["hardware"] = f"{os.cpu_count()} CPU cores"
    write_page(
        page,
        costs=costs,
        titles={key: method.title for key, method in METHODS.items()},
        paper_ratios={key: method.paper_ratio for key, method in METHODS.items()},
        results=[Measurement(**entry) for entry in saved["results"]],
        quality=saved["settings"],
    )
