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
from prv2_ros.cli.arguments import INTENSITY_HELP, positive_int
from prv2_ros.errors import DataError, Prv2Error

if TYPE_CHECKING:
    from prv2_ros.bags.convert import ConvertResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 bag`."""
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="rosbag2 folders, .mcap or .db3 files")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder of the new recording; with several inputs, their parent"
    )
    parser.add_argument(
        "--image", action="append", metavar="TOPIC", help="image topic; can be repeated (default: all with pictures)"
    )
    parser.add_argument(
        "--camera-info",
        action="append",
        default=[],
        metavar="[TOPIC=]YAML",
        help="calibration file instead of the recording's camera_info, for all cameras or for one image topic",
    )
    parser.add_argument(
        "--intensity-range",
        default="full",
        metavar="RANGE",
        help=INTENSITY_HELP,
    )
    parser.add_argument(
        "--coarse-topic",
        metavar="TOPIC",
        help="refine measured depth, registered to the images, instead of the coarse branch's: Image (32FC1 or 16UC1) "
        "or compressedDepth; images without depth of their time are skipped",
    )
    parser.add_argument(
        "--coarse-max-age",
        type=float,
        default=0.2,
        metavar="S",
        help="maximum time between an image and its measured depth (default: %(default)s)",
    )
    parser.add_argument("--no-rectify", action="store_true", help="do not remove lens distortion")
    parser.add_argument(
        "--input-rectified",
        action="store_true",
        help="the images are rectified already, and P of camera_info describes them (assumed for image_rect...)",
    )
    parser.add_argument("--prefix", help="prefix of the output topics (default: the camera's namespace)")
    parser.add_argument(
        "--points-stride",
        type=int,
        default=4,
        metavar="N",
        help="use every N-th row and column; 0: no cloud",
    )
    parser.add_argument(
        "--min-range", type=float, default=0.1, metavar="M", help="nearer depth becomes -Inf (default: %(default)s)"
    )
    parser.add_argument(
        "--max-range", type=float, default=80.0, metavar="M", help="farther depth becomes +Inf (default: %(default)s)"
    )
    parser.add_argument(
        "--measured-timing",
        action="store_true",
        help="put measured times into the timing messages; the result then differs from run to run",
    )
    parser.add_argument("--part-frames", type=positive_int, default=16, metavar="N", help="images in each output file")
    parser.add_argument("--workers", type=positive_int, default=1, help="parallel processes (default: %(default)s)")
    parser.add_argument(
        "--threads",
        type=positive_int,
        default=os.cpu_count() or 1,
        help="CPU threads of a process; change last bits",
    )
    parser.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help="distribute over a Ray cluster")
    engine_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Convert each input; an unreadable one is reported, and the others continue."""
    from prv2_ros.bags.convert import Options, convert
    from prv2_ros.bags.convert.frame import FrameOptions
    from prv2_ros.media.levels import parse_levels

    if args.points_stride < 0 or not 0 <= args.min_range < args.max_range:
        raise DataError("--points-stride must be at least 0, --min-range at least 0 and below --max-range")
    parse_levels(args.intensity_range)
    if args.coarse_topic and args.coarse:
        raise DataError("--coarse and --coarse-topic exclude each other; give one of them")
    engine = engine_options.options_of(args) | ({"coarse": "topic"} if args.coarse_topic else {})
    options = Options(
        **engine,
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
        raise DataError("two inputs have the same name, so their outputs would collide; convert them one by one")
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
        # Frames of an earlier run do not count for the rate.
        bar.reset(total)
        bar.initial = bar.n = done
    bar.update(done - bar.n)


def _topic_and_file(text: str) -> tuple[str | None, str]:
    topic, separator, file = text.partition("=")
    return (topic, file) if separator and topic.startswith("/") else (None, text)


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
