# SPDX-License-Identifier: Apache-2.0
"""`prv2 bag`: a recording in, the same recording with depth out."""

import argparse
import os
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import INTENSITY_HELP, positive_int
from prv2_ros.errors import DataError, Prv2Error

if TYPE_CHECKING:
    from prv2_ros.bags.convert import ConvertResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 bag`; most are fields of `Options`."""
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="IN", help="rosbag2 folders, .mcap or .db3 files")
    add("out", type=Path, metavar="OUT", help="folder of the new recording; with several inputs, their parent")
    text = "image topic; can be repeated (default: all with pictures)"
    add("--image", dest="images", action="append", metavar="TOPIC", help=text)
    text = "calibration file instead of the recording's camera_info, for all cameras or for one image topic"
    name = "[TOPIC=]YAML"
    add(
        "--camera-info", dest="calibrations", action="append", default=[], type=_topic_and_file, metavar=name, help=text
    )
    add("--intensity-range", default="full", metavar="RANGE", help=INTENSITY_HELP)
    text = (
        "refine measured depth, registered to the images, instead of the coarse branch's: Image (32FC1 or 16UC1) or "
        "compressedDepth; images without depth of their time are skipped"
    )
    add("--coarse-topic", metavar="TOPIC", help=text)
    text = "maximum time between an image and its measured depth (default: %(default)s)"
    add("--coarse-max-age", dest="coarse_max_age_s", type=float, default=0.2, metavar="S", help=text)
    add("--no-rectify", dest="rectify", action="store_false", help="do not remove lens distortion")
    text = "the images are rectified already, and P of camera_info describes them (assumed for image_rect...)"
    add("--input-rectified", action="store_true", help=text)
    add("--prefix", help="prefix of the output topics (default: the camera's namespace)")
    add("--points-stride", type=int, default=4, metavar="N", help="use every N-th row and column; 0: no cloud")
    text = "nearer depth becomes -Inf (default: %(default)s)"
    add("--min-range", dest="min_range_m", type=float, default=0.1, metavar="M", help=text)
    text = "farther depth becomes +Inf (default: %(default)s)"
    add("--max-range", dest="max_range_m", type=float, default=80.0, metavar="M", help=text)
    text = "images in each output file"
    add("--part-frames", dest="frames_a_part", type=positive_int, default=16, metavar="N", help=text)
    add("--workers", type=positive_int, default=1, help="parallel processes (default: %(default)s)")
    text = "CPU threads of a process; change last bits"
    add("--threads", type=positive_int, default=os.cpu_count() or 1, help=text)
    engine_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Convert each input; an unreadable one is reported, and the others continue."""
    from prv2_ros.bags.convert import Options, convert
    from prv2_ros.media.levels import parse_levels

    if args.points_stride < 0 or not 0 <= args.min_range_m < args.max_range_m:
        raise DataError("--points-stride must be at least 0, --min-range at least 0 and below --max-range")
    parse_levels(args.intensity_range)
    if args.coarse_topic and args.coarse:
        raise DataError("--coarse and --coarse-topic exclude each other; give one of them")
    engine = engine_options.options_of(args) | ({"coarse": "topic"} if args.coarse_topic else {})
    named = {field.name for field in fields(Options)}
    options = Options(engine=engine, **{name: value for name, value in vars(args).items() if name in named})
    several = len(args.inputs) > 1
    outs = [args.out / bag.stem if several else args.out for bag in args.inputs]
    if len(set(outs)) < len(outs):
        raise DataError("two inputs have the same name, so their outputs would collide; convert them one by one")
    failed = 0
    for bag, out in zip(args.inputs, outs, strict=True):
        try:
            with tqdm(unit="frame", desc=bag.name, file=sys.stderr, mininterval=0.5, delay=0.1) as bar:
                result = convert(bag, out, options, workers=args.workers, progress=partial(_show, bar))
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
        # Frames of an earlier run do not count for the rate.
        bar.reset(total)
        bar.initial = bar.n = done
    bar.update(done - bar.n)


def _topic_and_file(text: str) -> tuple[str | None, Path]:
    topic, separator, file = text.partition("=")
    return (topic, Path(file)) if separator and topic.startswith("/") else (None, Path(text))


def _report(bag: Path, out: Path, result: "ConvertResult") -> int:
    """Print the outcome; 1 if the recording is damaged or no image has depth."""
    for topic, why in result.skipped:
        print(f"  no depth of {topic}: {why}")
    for text in result.remarks:
        print(f"  {text}")
    for reason, count in result.refused.items():
        print(f"  {count} images without depth: {reason}")
    for text, count in result.notes.items():
        print(f"  {count} images: {text}")
    kept = f", {result.kept} already done" if result.kept else ""
    pace = ""
    if result.frames and result.seconds:
        pace = f"; {result.frames / result.seconds:.3g} frames/s, engine busy {100 * result.engine_share:.0f} % of it"
    print(f"{out}: depth of {result.frames} images{kept}{pace}")
    if result.damage:
        print(f"prv2 bag: {result.damage}; {out} is valid up to that point", file=sys.stderr)
    if not result.depths:
        why = max(result.refused, key=result.refused.__getitem__, default="see the output of the earlier run")
        print(f"prv2 bag: not one image of {bag} has depth ({why})", file=sys.stderr)
    return 1 if result.damage or not result.depths else 0
