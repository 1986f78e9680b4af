# SPDX-License-Identifier: Apache-2.0
"""`prv2 params`: parameter counts of each refiner by part, with the published figures."""

import argparse

import torch

from prv2_ros.errors import Prv2Error
from prv2_ros.model import BASELINES, VARIANTS, create_coarse, create_refiner
from prv2_ros.model.baselines.builders import feature_sizes_of

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
# Baseline, network for tiles, process size, and the published count outside the coarse branch.
BASELINE_ROWS = (
    ("prv1", "zoedepth", (384, 512), "369.0M"),
    ("patchfusion", "zoedepth", (384, 512), "432.7M"),
    ("patchfusion", "zoedepth-vits", (392, 518), "-"),
    ("patchfusion", "zoedepth-vitb", (392, 518), "-"),
    ("patchfusion", "zoedepth-vitl", (392, 518), "-"),
    ("pro", "relative-vits", (518, 518), "-"),
    ("pro", "relative-vitb", (518, 518), "-"),
    ("pro", "relative-vitl", (518, 518), "-"),
)
BASELINE_HEADINGS = ("baseline", "fine network", "fusion", "fine", "refiner", "published")
UNUSED_HEAD = 1000 * 1024 + 1000 + 2 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 params`."""
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="only these (default: all)")


def count(module: torch.nn.Module | None) -> int:
    """Trainable parameters of a module; 0 for none."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad) if module is not None else 0


def rows(variants: list[str]) -> list[tuple[str, int, int, int, int, str]]:
    """One row for each variant, built on the meta device without memory.

    Raises:
        ValueError: A name is unknown.
    """
    table = []
    for name in variants:
        with torch.device("meta"):
            refiner = create_refiner(name)
        encoder, c2f, f2c = (count(getattr(refiner, part)) for part in ("encoder", "c2f", "f2c"))
        table.append((name, encoder, c2f, f2c, count(refiner), PUBLISHED.get(name, "-")))
    return table


def baseline_rows(names: list[str]) -> list[tuple[str, str, int, int, int, str]]:
    """One row for each of these baselines and fine networks, built on the meta device."""
    table = []
    for name, kind, size, published in BASELINE_ROWS:
        if name in names:
            with torch.device("meta"):
                fine = create_coarse(kind, random=True)
                sizes = feature_sizes_of(fine, size) if name == "patchfusion" else None
                refiner = create_refiner(name, fine=fine, feature_sizes=sizes)
            table.append((name, kind, count(refiner) - count(fine), count(fine), count(refiner), published))
    return table


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    baselines = [name for name in args.variants or BASELINES if name in BASELINES]
    try:
        table = rows([name for name in args.variants or VARIANTS if name not in BASELINES])
    except ValueError as error:
        raise Prv2Error(str(error)) from None
    if table:
        print("{:16}{:>13}{:>13}{:>13}{:>13}{:>11}".format(*HEADINGS))
        for name, encoder, c2f, f2c, total, published in table:
            print(f"{name:16}{encoder:13,}{c2f:13,}{f2c:13,}{total:13,}{published:>11}")
        with torch.device("meta"):
            coarse = count(create_coarse("light"))
        print(f"\nTrainable parameters outside the coarse branch. The coarse branch 'light' has {coarse:,} more.")
    if baselines:
        _print_baselines(baselines, asked_for=bool(args.variants))
    return 0


def _print_baselines(names: list[str], *, asked_for: bool) -> None:
    try:
        table = baseline_rows(names)
    except ModuleNotFoundError:
        if asked_for:
            raise
        print(f"\n{', '.join(names)}: their depth networks need the package transformers.")
        return
    print("\n{:16}{:16}{:>13}{:>13}{:>13}{:>11}".format(*BASELINE_HEADINGS))
    for name, kind, fusion, fine, total, published in table:
        print(f"{name:16}{kind:16}{fusion:13,}{fine:13,}{total:13,}{published:>11}")
    print(
        f"\nThe references' ZoeDepth also holds the classifier of its pretrained backbone, {UNUSED_HEAD:,} parameters\n"
        "that nothing reads: with it prv1 has 368,809,406 and patchfusion 432,481,323."
    )
