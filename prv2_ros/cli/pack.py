# SPDX-License-Identifier: Apache-2.0
"""`prv2 pack`: shrinks data sets into one file for `prv2 train --resident`."""

import argparse
from pathlib import Path

import yaml

from prv2_ros.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 pack`."""
    add = parser.add_argument
    add("plan", type=Path, help="YAML list of sets: {path, split, exclude, tag, exact, relative, ...}")
    add("out", type=Path, help="pack to write (.zip)")
    add("--root", action="append", default=[], metavar="NAME=FOLDER", help="replacement of {NAME} in a path")


def run(args: argparse.Namespace) -> int:
    """Write the pack; prints the frames of each set."""
    from prv2_ros.data import open_dataset
    from prv2_ros.training.resident.pack import PackedSize, PackWriter

    roots = dict(text.partition("=")[::2] for text in args.root)
    try:
        entries = yaml.safe_load(args.plan.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{args.plan} cannot be read as YAML: {error}") from error
    with PackWriter(args.out) as pack:
        for entry in entries:
            try:
                path = Path(entry["path"].format(**roots))
            except KeyError as error:
                raise DataError(f"{entry['path']}: give --root {error.args[0]}=FOLDER") from error
            if entry.get("optional") and not path.is_dir():
                print(f"{path.name}: missing, skipped")
                continue
            size = PackedSize(**entry.get("size", {}))
            if entry.get("relative"):
                count = pack.add_relative(path, size)
            else:
                dataset = open_dataset(
                    path, entry.get("split"), include=entry.get("include", ("*",)), exclude=entry.get("exclude", ())
                )
                disparity = path / "disparity" if (path / "disparity").is_dir() else None
                count = pack.add_set(
                    dataset,
                    size,
                    tag=entry.get("tag", "train"),
                    exact=entry.get("exact", False),
                    limit=entry.get("limit", 0),
                    disparity=disparity,
                )
            print(f"{path.name}: {count} frames ({entry.get('tag', 'train')})")
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")
    return 0
