# SPDX-License-Identifier: Apache-2.0
"""`prv2 render`: rendered training, test and demo frames with exact depth."""

import argparse
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from prv2_ros.cli.arguments import pair, positive_int
from prv2_ros.errors import DataError
from prv2_ros.render.dataset import render_set
from prv2_ros.render.plan import SPLIT_SEEDS, SceneJob, family_list, plan_scenes
from prv2_ros.render.textures import FULL_PX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 render`."""
    add = parser.add_argument
    add("out", type=Path, help="folder of the set: rgb/, depth/ and meta.json; existing frames are kept")
    add("--family", default="mixed", help="street, warehouse, room, outdoor, comma-separated, or mixed (default)")
    add("--frames", type=positive_int, default=8, help="number of frames (default 8)")
    add(
        "--size",
        type=pair("WIDTHxHEIGHT", "1920x1080"),
        default=(1920, 1080),
        metavar="WxH",
        help="image size (default 1920x1080)",
    )
    add("--seed", type=int, default=0, help="selects scenes of the split; with --sequence the scene itself (default 0)")
    add("--split", default="train", choices=list(SPLIT_SEEDS), help="seed range to draw scenes from (default train)")
    add("--views", type=positive_int, default=4, help="cameras in each scene (default 4)")
    add("--jobs", type=positive_int, default=1, help="worker processes (default 1)")
    add("--sequence", action="store_true", help="one moving camera in one scene instead of single frames")
    add("--rate", type=float, default=10.0, help="frame rate of a sequence (default 10)")
    add(
        "--jpeg",
        type=int,
        choices=range(1, 101),
        metavar="1..100",
        help="JPEG quality (default: random for each frame)",
    )
    add("--samples", type=int, choices=(0, 2, 4, 8), help="multisampling (default: random for each scene)")
    add("--texture-px", type=positive_int, default=FULL_PX, help=f"side of the texture images (default {FULL_PX})")


def run(args: argparse.Namespace) -> int:
    """Render the set."""
    if args.seed < 0 or not args.rate > 0:
        raise DataError(f"--seed {args.seed} must be at least 0, --rate {args.rate:g} above 0")
    families = family_list(args.family)
    if args.sequence:
        if len(families) > 1:
            raise DataError(f"a sequence has one scene: set --family to {', '.join(families[:-1])} or {families[-1]}")
        first, end = SPLIT_SEEDS[args.split]
        if first + args.seed >= end:
            raise DataError(f"--seed {args.seed} is outside the {args.split} scenes; the last is {end - first - 1}")
        jobs = [
            SceneJob(
                out=args.out,
                family=families[0],
                seed=first + args.seed,
                width=args.size[0],
                height=args.size[1],
                views=args.frames,
                split=args.split,
                sequence=True,
                rate_hz=args.rate,
            )
        ]
    else:
        jobs = plan_scenes(args.out, families, args.frames, args.size, args.seed, args.split, views=args.views)
    jobs = [replace(job, jpeg=args.jpeg, texture_px=args.texture_px, samples=args.samples) for job in jobs]
    with tqdm(total=args.frames, unit="frame") as bar:
        for count in render_set(jobs, args.jobs):
            bar.update(count)
    print(f"{args.frames} frames in {args.out}")
    return 0
