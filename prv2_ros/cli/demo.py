# SPDX-License-Identifier: Apache-2.0
"""`prv2 demo`: the demo recording through the real node, measured; or a new demo recording."""

import argparse
import signal
from pathlib import Path

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import progress
from prv2_ros.demo.processes import end, require_ros, ros_environment, start
from prv2_ros.errors import DataError
from prv2_ros.paths import share_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 demo`."""
    add = parser.add_argument
    add("--bag", type=Path, help="recording to play (default: the one that comes with the package)")
    add("--out", type=Path, default=Path("out/demo"), help="folder for results (default: %(default)s)")
    add("--weights", default="prv2s", help="weights of the node")
    add("--device", default="auto", help=engine_options.DEVICE_HELP)
    add("--rate", type=float, help="play at this multiple of the recorded rate (default: wait for each answer)")
    add("--frames", type=int, help="play at most this many frames")
    add("--measure", type=int, default=6, metavar="N", help="frames to evaluate (default: %(default)s)")
    add("--picture", type=Path, help="also write one picture of input, depth and cloud")
    add("--make-bag", type=Path, metavar="FOLDER", help="instead, make a recording at --bag from this data set")
    add("--every", type=int, default=1, help="with --make-bag: take every N-th frame")


def run(args: argparse.Namespace) -> int:
    """Play, record, measure and draw; 1 if there was no depth."""
    if args.make_bag:
        return _make_bag(args)
    require_ros()
    bag = args.bag or _packaged_bag()
    print(f"demo: playing {bag} to the node (weights {args.weights}, device {args.device}) ...", flush=True)
    command = ["prv2_ros.node.play", str(bag), str(args.out)]
    for name in ("weights", "device", "rate", "frames"):
        command += [f"--{name}={value}"] if (value := getattr(args, name)) is not None else []
    # Like Ctrl-C: the player ends the node first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    player = start(command, environment=ros_environment())
    try:
        status = player.wait()
    finally:
        end(player)
    return status or _evaluate(args, bag)


def _evaluate(args: argparse.Namespace, bag: Path) -> int:
    from prv2_ros.bags.depth_recording import DepthRecording
    from prv2_ros.demo.measure import draw, measure, overview
    from prv2_ros.demo.recording import read_truth
    from prv2_ros.engine import DepthEngine
    from prv2_ros.media import write_image

    written = [args.out / "demo.mcap"]
    recording = DepthRecording(written[0])
    try:
        if timings := recording.timings():
            _report_stages(timings)
        frame = recording.moment(recording.stamps[len(recording.stamps) // 2])
        written += draw(frame, args.out)
        if args.picture:
            write_image(args.picture, overview(frame), jpeg_quality=85)
            written.append(args.picture)
        engine = DepthEngine.load(weights=args.weights, device=args.device)
        measures = measure(recording, read_truth(bag), engine, limit=args.measure, progress=progress("measured"))
        engine.close()
    finally:
        recording.close()
    _report_measures(measures)
    print(f"\nwritten: {', '.join(str(path) for path in written)}")
    return 0


def _packaged_bag() -> Path:
    try:
        return share_path("demo", "metadata.yaml").parent
    except FileNotFoundError as error:
        raise DataError(f"the demo recording is missing: {error}") from None


def _make_bag(args: argparse.Namespace) -> int:
    from prv2_ros.demo.make_bag import make_demo_bag

    out = args.bag or Path("demo")
    frames = make_demo_bag(args.make_bag, out, every=args.every)
    print(f"{out}: {frames} frames, {sum(path.stat().st_size for path in out.iterdir()) / 1e6:.1f} MB")
    return 0


def _report_stages(timings) -> None:
    from prv2_ros.demo.measure import stage_table

    first = timings[0]
    print(
        f"\ninput {first.input_width}x{first.input_height}, output {first.output_width}x{first.output_height}, "
        f"{first.tiles_refined} tiles, {first.device}, {first.precision}, weights {first.weights}"
    )
    print(f"{'stage':14}{'median ms':>12}{'max ms':>12}")
    for stage, median, largest in stage_table(timings):
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
