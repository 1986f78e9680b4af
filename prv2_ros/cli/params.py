# SPDX-License-Identifier: Apache-2.0
"""`prv2 params`: how many parameters each variant has, part by part, beside the published figure."""

import argparse

import torch

from prv2_ros.errors import Prv2Error
from prv2_ros.model import VARIANTS, create_coarse, create_refiner

# Parameters outside the coarse branch, as published (paper, tables 1 and 5); prv2s is this package's own.
PUBLISHED = {
    "prv2m": "47.0M",
    "prv2e": "72.1M",
    "prv2c": "245.8M",
    "prv2m-f2c-only": "27.5M",
    "prv2m-no-gdu": "34.5M",
    "prv2m-f2c-gdu": "47.0M",
}
HEADINGS = ("variant", "encoder", "C2F", "F2C", "refiner", "published")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 params`."""
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="only these (default: all)")


def count(module: torch.nn.Module | None) -> int:
    """Trainable parameters of a module; 0 for none."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad) if module is not None else 0


def rows(variants: list[str]) -> list[tuple[str, int, int, int, int, str]]:
    """One row a variant, built on the meta device: nothing is allocated or initialised.

    Raises:
        ValueError: A name is unknown.
    """
    table = []
    for name in variants:
        with torch.device("meta"):
            refiner = create_refiner(name)
        parts = (count(refiner.encoder), count(refiner.c2f), count(refiner.f2c))
        table.append((name, *parts, count(refiner), PUBLISHED.get(name, "-")))
    return table


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    try:
        table = rows(args.variants or list(VARIANTS))
    except ValueError as error:
        raise Prv2Error(str(error)) from None
    print("{:16}{:>13}{:>13}{:>13}{:>13}{:>11}".format(*HEADINGS))
    for name, encoder, c2f, f2c, total, published in table:
        print(f"{name:16}{encoder:13,}{c2f:13,}{f2c:13,}{total:13,}{published:>11}")
    with torch.device("meta"):
        coarse = count(create_coarse("small"))
    print(f"\nTrainable parameters outside the coarse branch. The coarse branch 'small' has {coarse:,} more.")
    return 0
