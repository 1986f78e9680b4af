# SPDX-License-Identifier: Apache-2.0
"""`prv2 train`: runs or resumes a recipe, or writes the weights of a checkpoint."""

import argparse
import logging
from pathlib import Path
from typing import Any

import yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 train`."""
    add = parser.add_argument
    add("recipe", nargs="?", help="YAML file, or the name of one in config/train")
    add(
        "--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="change a value of the recipe"
    )
    add("--fast", action="store_true", help="a few steps only, as a smoke test")
    add("--resume", action="store_true", help="continue from the last checkpoint in the recipe's out")
    add(
        "--trainer",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an argument of Lightning's Trainer, e.g. devices=4, strategy=ddp, num_nodes=2",
    )
    add(
        "--resident",
        nargs="*",
        type=Path,
        metavar="PACK",
        help="train the networks of the default weights with all frames of these packs, and rendered scenes, on the "
        "device; RECIPE is a resident plan",
    )
    add("--out", type=Path, default=Path("out/resident"), help="output folder of a resident run")
    add("--device", default="auto", help="of a resident run: auto, cpu, cuda, cuda:N")
    add("--export", nargs=2, metavar=("CHECKPOINT", "OUT"), help="only write a checkpoint's weights")


def _options(texts: list[str]) -> dict[str, Any]:
    pairs = (text.partition("=") for text in texts)
    return {key.strip(): yaml.safe_load(value) for key, _, value in pairs}


def run(args: argparse.Namespace) -> int:
    """Run `prv2 train`."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
    # Lightning and torch take seconds to import, so only this command does.
    if args.export:
        from prv2_ros.training.export import export_checkpoint

        print(export_checkpoint(Path(args.export[0]), Path(args.export[1])))
        return 0
    if not args.recipe:
        from prv2_ros.training.recipe import RecipeError

        raise RecipeError("name a recipe, e.g. prv2 train coarse_small")
    if args.resident is not None:
        from prv2_ros.training.resident.plan import load_plan
        from prv2_ros.training.resident.run import run_plan

        plan = load_plan(args.recipe, args.overrides)
        print(run_plan(plan, args.resident, args.out, device=args.device, resume=args.resume))
        return 0
    from prv2_ros.training.recipe import load_recipe
    from prv2_ros.training.run import run_recipe

    recipe = load_recipe(args.recipe, args.overrides)
    print(run_recipe(recipe, fast=args.fast, resume=args.resume, trainer_options=_options(args.trainer)))
    return 0
