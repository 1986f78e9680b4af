# SPDX-License-Identifier: Apache-2.0
"""`prv2 report`: one HTML file about a recording with depth."""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import DataError

_STAGES = ("total_ms", "tiles_ms", "coarse_ms", "upload_ms", "assemble_ms")
_BINS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 report`."""
    add = parser.add_argument
    add("recording", type=Path, help="recording with depth, from prv2 bag, prv2 demo or ros2 bag record")
    add("-o", "--out", type=Path, help="file to write (default: report.html beside the recording)")
    add("--topic", help="depth topic (default: the first ending in /depth/image_rect)")
    add("--frames", type=int, default=6, help="frames to show (default: %(default)s)")
    add("--width", type=int, default=1200, help="width of the images in pixels (default: %(default)s)")
    add("--weights", default="prv2s", help="weights of the coarse depth to show (default: %(default)s)")
    add("--no-coarse", action="store_true", help="do not show coarse depth; needs no network")
    add("--device", default="auto", help="where the coarse branch runs")


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    from prv2_ros.bags.depth_recording import DepthRecording
    from prv2_ros.media.images import write_whole
    from prv2_ros.viz.report import render_report

    if args.frames < 1 or args.width < 16:
        raise DataError("--frames must be at least 1, --width at least 16")
    folder = args.recording if args.recording.is_dir() else args.recording.parent
    out = args.out or folder / "report.html"
    recording = DepthRecording(args.recording, args.topic)
    engine = None
    try:
        if not args.no_coarse:
            from prv2_ros.engine import DepthEngine

            engine = DepthEngine.load(weights=args.weights, device=args.device)
        stamps = recording.stamps
        chosen = [stamps[i] for i in np.unique(np.linspace(0, len(stamps) - 1, args.frames).round().astype(int))]
        edges = np.geomspace(0.1, 100.0, _BINS + 1)
        counts = np.zeros(_BINS, np.int64)
        frames = [_frame(recording.moment(stamp), stamps[0], engine, args.width, edges, counts) for stamp in chosen]
        timing, source = _timing(recording, folder)
        facts = [
            ("recording", str(args.recording)),
            ("images", recording.image_topic),
            ("depth", f"{recording.depth_topic}, {len(stamps)} frames over {(stamps[-1] - stamps[0]) / 1e9:.1f} s"),
            ("network", _network(recording)),
            ("times", source),
        ]
    finally:
        recording.close()
        if engine is not None:
            engine.close()
    page = render_report(
        title=f"Depth of {args.recording.name}", facts=facts, frames=frames, timing=timing, histogram=(counts, edges)
    )
    write_whole(out, page.encode())
    print(f"{out}: {len(frames)} of {len(stamps)} frames, {len(page) / 1e6:.1f} MB")
    return 0


def _frame(moment, first: int, engine, width: int, edges: np.ndarray, counts: np.ndarray):
    from prv2_ros.viz import colour_depth, depth_limits
    from prv2_ros.viz.colour import scale_bar
    from prv2_ros.viz.report import ReportFrame

    counts += np.histogram(moment.depth_m[np.isfinite(moment.depth_m)], edges)[0]
    size = (width, round(moment.depth_m.shape[0] * width / moment.depth_m.shape[1]))
    depth_m = cv2.resize(moment.depth_m, size, interpolation=cv2.INTER_NEAREST)
    near, far = depth_limits(depth_m)
    layers = [("input", cv2.resize(moment.rgb, size, interpolation=cv2.INTER_AREA))]
    notes = f"colours from {near:.2f} m (red) to {far:.2f} m (blue), black is unknown"
    if engine is not None:
        coarse_m = cv2.resize(_coarse(engine, moment), size, interpolation=cv2.INTER_NEAREST)
        layers.append(("coarse", colour_depth(coarse_m, min=near, max=far)))
    layers.append(("refined", colour_depth(depth_m, min=near, max=far)))
    if engine is not None:
        layers.append(("difference", _difference(depth_m, coarse_m)))
        notes += "; difference of refined and coarse: red is farther, blue is nearer, full colour at 20 %"
    scale = scale_bar(width, near, far)
    return ReportFrame(f"{(moment.stamp - first) / 1e9:.2f} s", layers, notes, scale)


def _coarse(engine, moment) -> np.ndarray:
    focal = None
    if moment.intrinsics is not None:
        across = moment.rgb.shape[1] / moment.depth_m.shape[1]
        down = moment.rgb.shape[0] / moment.depth_m.shape[0]
        focal = (moment.intrinsics[0] * across, moment.intrinsics[1] * down)
    return engine.coarse(moment.rgb, focal_px=focal)


def _difference(refined_m: np.ndarray, coarse_m: np.ndarray) -> np.ndarray:
    """Relative difference in colour: red where refined is farther, blue where it is nearer."""
    known = np.isfinite(refined_m) & (coarse_m > 0)
    relative = np.zeros(refined_m.shape, np.float32)
    relative[known] = np.clip((refined_m[known] / coarse_m[known] - 1) / 0.2, -1, 1)
    picture = np.full((*refined_m.shape, 3), 225, np.float32)
    picture[..., 0] -= 225 * np.clip(-relative, 0, 1)
    picture[..., 1] -= 225 * np.abs(relative)
    picture[..., 2] -= 225 * np.clip(relative, 0, 1)
    return picture.astype(np.uint8)


def _timing(recording, folder: Path) -> tuple[dict[str, list[float]], str]:
    """Times by stage, from the messages or from timing.csv, and their source."""
    messages = recording.timings()
    rows = [{stage: float(getattr(message, stage)) for stage in _STAGES} for message in messages]
    source = "of the timing messages"
    if not any(row["total_ms"] for row in rows):
        file = folder / "timing.csv"
        rows, source = [], "none recorded"
        if file.is_file():
            with file.open() as text:
                found = [row for row in csv.DictReader(text) if row.get("topic") == recording.image_topic]
            found.sort(key=lambda row: int(row["stamp_ns"]))
            rows, source = [{stage: float(row[stage]) for stage in _STAGES} for row in found], "of timing.csv"
    return ({stage.removesuffix("_ms"): [row[stage] for row in rows] for stage in _STAGES} if rows else {}), source


def _network(recording) -> str:
    messages = recording.timings()
    if not messages:
        return "not stated"
    last = messages[-1]
    size = f"{last.input_width}x{last.input_height}"
    return f"{last.weights}, {last.device}, {last.precision}, {last.tiles_refined} tiles a {size} frame"
