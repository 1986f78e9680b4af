# SPDX-License-Identifier: Apache-2.0
"""`prv2 demo`: the demo recording through the real node, measured; or a new demo recording."""

import argparse
import signal
import sys
from pathlib import Path

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import progress
from prv2_ros.errors import DataError
from prv2_ros.paths import share_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 demo`."""
    parser.add_argument("--bag", type=Path, help="recording to play (default: the one that comes with the package)")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for results (default: %(default)s)")
    parser.add_argument("--weights", default="prv2s", help="weights of the node")
    parser.add_argument("--device", default="auto", help=engine_options.DEVICE_HELP)
    parser.add_argument(
        "--rate", type=float, help="play at this multiple of the recorded rate (default: wait for each answer)"
    )
    parser.add_argument("--frames", type=int, help="play at most this many frames")
    parser.add_argument("--measure", type=int, default=6, metavar="N", help="frames to evaluate (default: %(default)s)")
    parser.add_argument("--picture", type=Path, help="also write one picture of input, depth and cloud")
    parser.add_argument(
        "--make-bag", type=Path, metavar="FOLDER", help="instead, make a recording at --bag from this data set"
    )
    parser.add_argument("--every", type=int, default=1, help="with --make-bag: take every N-th frame")


def run(args: argparse.Namespace) -> int:
    """Play, record, measure and draw; 1 if there was no depth."""
    if args.make_bag:
        return _make_bag(args)
    from prv2_ros.demo.play import play

    # Like Ctrl-C: stop the node and the bridge first.
    signal.signal(signal.SIGTERM, _interrupt)
    bag = args.bag or _packaged_bag()
    print(f"demo: playing {bag} to the node (weights {args.weights}, device {args.device}) ...", flush=True)
    show = progress("frame")
    result = play(
        bag,
        args.out,
        weights=args.weights,
        device=args.device,
        rate=args.rate,
        limit=args.frames,
        progress=lambda done, total, answered: show(answered, total),
    )
    _report_frames(result, args.rate)
    if result.out == 0:
        print(f"prv2 demo: the node published no depth; see {args.out / 'node.log'}", file=sys.stderr)
        return 1
    _evaluate(args, bag, result)
    return 0


def _evaluate(args: argparse.Namespace, bag: Path, result) -> None:
    from prv2_ros.demo.measure import draw, measure, overview, write_timing_csv
    from prv2_ros.demo.recording import Recordings
    from prv2_ros.engine import DepthEngine
    from prv2_ros.media import write_image

    written = [args.out / "demo.mcap"]
    if result.timings:
        written.append(args.out / "timing.csv")
        write_timing_csv(written[-1], result.timings)
        _report_stages(result)
    recordings = Recordings(bag, args.out / "demo.mcap")
    try:
        stamps = recordings.stamps()
        frame = recordings.frame(stamps[len(stamps) // 2])
        written += draw(frame, args.out)
        if args.picture:
            write_image(args.picture, overview(frame), jpeg_quality=85)
            written.append(args.picture)
        engine = DepthEngine.load(weights=args.weights, device=args.device)
        measures = measure(recordings, engine, limit=args.measure, progress=progress("measured"))
        engine.close()
    finally:
        recordings.close()
    _report_measures(measures)
    print(f"\nwritten: {', '.join(str(path) for path in written)}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _packaged_bag() -> Path:
    try:
        return share_path("demo", "metadata.yaml").parent
    except FileNotFoundError as error:
        raise DataError(f"the demo recording is missing: {error}") from None


def _make_bag(args: argparse.Namespace) -> int:
    from prv2_ros.demo.make_bag import make_demo_bag

    out = args.bag or Path("demo")
    made = make_demo_bag(args.make_bag, out, every=args.every, progress=lambda text: print(f"  {text}", flush=True))
    print(
        f"{out}: {made.frames} frames, {made.with_truth} of them with ground truth, {made.size_bytes / 1e6:.1f} MB, "
        f"JPEG quality {made.jpeg_quality}, ground truth in steps of {100 * made.depth_step_m_at_50_m:.1f} cm at 50 m"
    )
    return 0


def _report_frames(result, rate: float | None) -> None:
    pace = "each frame after the previous answer" if rate is None else f"{rate:g} times the recorded rate"
    print(f"\nframes in {result.played}, out {result.out}, dropped {result.dropped}, lost {result.lost}   ({pace})")
    if result.out:
        print(f"{result.wall_s / result.out:.2f} s a frame from first to last, player and recorder on the same machine")


def _report_stages(result) -> None:
    from prv2_ros.demo.measure import stage_table

    first = result.timings[0]
    print(
        f"\ninput {first.input_width}x{first.input_height}, output {first.output_width}x{first.output_height}, "
        f"{first.tiles_refined} tiles, {first.device}, {first.precision}, weights {first.weights}"
    )
    print(f"{'stage':14}{'median ms':>12}{'max ms':>12}")
    for stage, median, largest in stage_table(result.timings):
        print(f"{stage:14}{median:12.1f}{largest:12.1f}")


def _report_measures(measures) -> None:
    if measures is None:
        print("\nthe recording has no ground truth to compare with")
        return
    print(f"\nagainst ground truth up to 80 m, mean of {measures.frames} frames")
    print(f"{'':14}{'RMSE m':>12}{'delta1':>12}{'boundary F1':>14}")
    for name, values in (("coarse", measures.coarse), ("refined", measures.refined)):
        print(f"{name:14}{values['rmse']:12.3f}{values['delta1']:12.4f}{values['f1']:14.4f}")
    better = {
        "RMSE": measures.refined["rmse"] < measures.coarse["rmse"],
        "boundary F1": measures.refined["f1"] > measures.coarse["f1"],
    }
    verdict = ", ".join(f"{name} {'better' if yes else 'NOT better'}" for name, yes in better.items())
    print(f"refined against coarse: {verdict}")
