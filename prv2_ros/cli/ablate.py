# SPDX-License-Identifier: Apache-2.0
"""`prv2 ablate`: render, train and measure the paper's ablation and local SSIGM comparison, and write the page."""

import argparse
import os
import platform
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 ablate`."""
    parser.add_argument("--out", type=Path, default=Path("out/ablation"), help="data, runs and results (%(default)s)")
    parser.add_argument("--doc", type=Path, help="page to write (default: ablation.md in --out)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds for each row (%(default)s)")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="training frames to render (%(default)s)")
    parser.add_argument(
        "--test-frames", type=int, default=24, metavar="N", help="test frames of a domain (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes that render and train (%(default)s)"
    )
    parser.add_argument("--rows", metavar="KEYS", help="only these rows, comma-separated ('none': no training)")
    parser.add_argument("--fast", action="store_true", help="a few steps for each run, as a smoke test")


def run(args: argparse.Namespace) -> int:
    """Run everything without a result and write the page.

    Raises:
        Prv2Error: A row is unknown, or rendering or training fails.
    """
    architecture, transfer = _chosen(args.rows)
    # After the check of the rows, since these imports take seconds.
    import torch

    from prv2_ros.training.ablation.report import write_report
    from prv2_ros.training.ablation.study import FRAME_SIZE, Study
    from prv2_ros.training.studies import GRID

    study = Study(
        args.out,
        seeds=args.seeds,
        frames=args.frames,
        test_frames=args.test_frames,
        fast=args.fast,
        rows=architecture,
        transfer=transfer,
        workers=args.jobs,
        progress=lambda line: print(line, flush=True),
    )
    results = study.run()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    (width, height), (rows, columns) = FRAME_SIZE, GRID
    settings = [
        f"{args.frames} rendered training frames, {args.test_frames} to test a domain, {width}x{height},",
        f"P{rows * columns} tiles of {height // rows}x{width // columns},",
        f"seeds 0 to {max((m.seed for m in results), default=0)}; {study.seconds / 60:.0f} minutes of training and",
        f"measuring in {args.jobs} processes on {device} (PyTorch {torch.__version__}, {platform.machine()}).",
    ]
    if args.fast:
        settings.append("**A fast run of a few steps: these figures mean nothing.**")
    page = args.doc or args.out / "ablation.md"
    write_report(page, results, settings)
    print(page)
    return 0


def _chosen(keys: str | None):
    from prv2_ros.errors import DataError
    from prv2_ros.training.ablation.rows import ARCHITECTURE, TRANSFER

    if keys is None:
        return ARCHITECTURE, TRANSFER
    wanted = set() if keys == "none" else set(keys.split(","))
    known = {row.key for row in ARCHITECTURE} | {row.key for row in TRANSFER}
    if wanted - known:
        raise DataError(f"no row {', '.join(sorted(wanted - known))}; known are {', '.join(sorted(known))}")
    return tuple(r for r in ARCHITECTURE if r.key in wanted), tuple(r for r in TRANSFER if r.key in wanted)
