# SPDX-License-Identifier: Apache-2.0
"""`prv2 bag`: a recording in, the same recording with depth out."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from prv2_ros.cli import engine_options
from prv2_ros.errors import DataError, Prv2Error

if TYPE_CHECKING:
    from prv2_ros.bags.convert import ConvertResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 bag`."""
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="rosbag2 folders, .mcap or .db3 files")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder of the new recording; with several inputs, the folder of them all"
    )
    parser.add_argument(
        "--image", action="append", metavar="TOPIC", help="image topic (default: all that hold pictures)"
    )
    parser.add_argument(
        "--camera-info",
        action="append",
        default=[],
        metavar="[TOPIC=]YAML",
        help="calibration file to use instead of the recording's camera_info; with an image topic before it, for that "
        "camera alone",
    )
    parser.add_argument(
        "--intensity-range",
        default="full",
        metavar="RANGE",
        help="values of 16-bit images that become black to white: full (0 to 65535), auto (what each image uses) or "
        "LOW-HIGH, e.g. 7000-9000 for a thermal camera (default: %(default)s)",
    )
    parser.add_argument(
        "--coarse-topic",
        metavar="TOPIC",
        help="measured depth, registered to the images, that is refined in place of the coarse branch's: Image (32FC1 "
        "or 16UC1) or compressedDepth; images without depth near enough in time get none",
    )
    parser.add_argument(
        "--coarse-max-age",
        type=float,
        default=0.2,
        metavar="S",
        help="most time between the stamps of an image and its measured depth (default: %(default)s)",
    )
    parser.add_argument("--no-rectify", action="store_true", help="leave lens distortion in the images")
    parser.add_argument(
        "--input-rectified",
        action="store_true",
        help="the images have no distortion any more, P of camera_info is their camera (image_rect... is taken so)",
    )
    parser.add_argument("--prefix", help="what output topics begin with (default: the camera's namespace)")
    parser.add_argument(
        "--points-stride", type=int, default=4, metavar="N", help="every N-th row and column; 0: no cloud"
    )
    parser.add_argument(
        "--min-range", type=float, default=0.1, metavar="M", help="nearer is -Inf (default: %(default)s)"
    )
    parser.add_argument(
        "--max-range", type=float, default=80.0, metavar="M", help="farther is +Inf (default: %(default)s)"
    )
    parser.add_argument(
        "--measured-timing",
        action="store_true",
        help="put measured times into the timing messages too; no two runs then give the same recording",
    )
    parser.add_argument("--part-frames", type=int, default=16, metavar="N", help="images in a file of the output")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="CPU threads a process; the same number, the same bits"
    )
    parser.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help="spread over a Ray cluster")
    engine_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Convert each input; one that cannot be read costs one line, not the others."""
    from prv2_ros.bags.convert import Options, convert
    from prv2_ros.bags.convert.frame import FrameOptions
    from prv2_ros.media.levels import parse_levels

    if (
        min(args.part_frames, args.workers, args.threads) < 1
        or args.points_stride < 0
        or not 0 <= args.min_range < args.max_range
    ):
        raise DataError(
            "--part-frames, --workers and --threads begin at 1, --points-stride at 0, --min-range is below --max-range"
        )
    parse_levels(args.intensity_range)
    if args.coarse_topic and args.coarse:
        raise DataError("--coarse and --coarse-topic both say where coarse depth comes from; give one of them")
    options = Options(
        weights=args.weights,
        device=args.device,
        precision=args.precision,
        runtime=args.runtime,
        grid=args.grid,
        coarse="topic" if args.coarse_topic else engine_options.coarse_of(args),
        mode=args.mode,
        sharpen_edges=args.sharpen_edges,
        images=tuple(args.image) if args.image else None,
        prefix=args.prefix,
        calibrations=tuple(_topic_and_file(text) for text in args.camera_info),
        input_rectified=args.input_rectified,
        threads=args.threads,
        frames_a_part=args.part_frames,
        frame=FrameOptions(
            min_range_m=args.min_range,
            max_range_m=args.max_range,
            points_stride=args.points_stride,
            rectify=not args.no_rectify,
            measured_timing=args.measured_timing,
            intensity_range=args.intensity_range,
            coarse_topic=args.coarse_topic,
            coarse_max_age_s=args.coarse_max_age,
        ),
    )
    several = len(args.inputs) > 1
    outs = [args.out / bag.stem if several else args.out for bag in args.inputs]
    if len(set(outs)) < len(outs):
        raise DataError("two inputs have the same name; convert them one by one")
    failed = 0
    for bag, out in zip(args.inputs, outs, strict=True):
        try:
            with tqdm(unit="frame", desc=bag.name, file=sys.stderr, mininterval=0.5, delay=0.1) as bar:
                result = convert(
                    bag,
                    out,
                    options,
                    workers=args.workers,
                    ray_address=args.ray,
                    progress=partial(_show, bar),
                )
        except Prv2Error as error:
            if not several:
                raise
            print(f"prv2 bag: {error}", file=sys.stderr)
            failed += 1
            continue
        failed += _report(bag, out, result)
    return 1 if failed else 0


def _show(bar: tqdm, done: int, total: int) -> None:
    if bar.total != total:
        # What an earlier run did says nothing about this run's pace.
        bar.reset(total)
        bar.initial = bar.n = done
    bar.update(done - bar.n)


def _topic_and_file(text: str) -> tuple[str | None, str]:
    topic, separator, file = text.partition("=")
    return (topic, file) if separator and topic.startswith("/") else (None, text)


def _report(bag: Path, out: Path, result: "ConvertResult") -> int:
    """Print what was done; 1 if the recording is damaged, or not one image of it has depth."""
    for topic, why in result.skipped:
        print(f"  no depth of {topic}: {why}")
    for text in result.remarks:
        print(f"  {text}")
    for reason, count in result.refused.items():
        print(f"  {count} images without depth: {reason}")
    for text, count in result.notes.items():
        print(f"  {count} images: {text}")
    kept = f", {result.kept} were there already" if result.kept else ""
    pace = ""
    if result.frames and result.seconds:
        pace = (
            f"; {result.frames / result.seconds:.3g} frames/s, the engine was at work "
            f"{100 * result.engine_share:.0f} % of the time"
        )
    print(f"{out}: depth of {result.frames} images{kept}{pace}")
    if result.damage:
        print(f"prv2 bag: {result.damage}; {out} is valid up to there", file=sys.stderr)
    if not result.depths:
        why = max(result.refused, key=result.refused.__getitem__, default="an earlier run said why")
        print(f"prv2 bag: not one image of {bag} has depth ({why})", file=sys.stderr)
    return 1 if result.damage or not result.depths else 0
