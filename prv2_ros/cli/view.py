# SPDX-License-Identifier: Apache-2.0
"""`prv2 view`: a recording with depth in the Rerun viewer, or as a file for it."""

import argparse
from pathlib import Path

import numpy as np

from prv2_ros.errors import DataError, Prv2Error

_STAGES = ("total_ms", "tiles_ms", "coarse_ms")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 view`."""
    add = parser.add_argument
    add("recording", type=Path, help="recording with depth, from prv2 bag, prv2 demo or ros2 bag record")
    add("--save", type=Path, metavar="FILE.rrd", help="write a file instead of opening the viewer")
    add("--topic", help="depth topic (default: the first ending in /depth/image_rect)")
    add("--width", type=int, default=960, help="width of pictures and depth in pixels (default: %(default)s)")
    add("--every", type=int, default=1, metavar="N", help="show every N-th frame")


def run(args: argparse.Namespace) -> int:
    """Show or save."""
    try:
        import rerun
    except ImportError:
        raise Prv2Error("prv2 view needs the Rerun viewer: pip install rerun-sdk (prv2 report needs nothing)") from None
    from prv2_ros.bags.depth_recording import DepthRecording

    if args.width < 16 or args.every < 1:
        raise DataError("--width must be at least 16, --every at least 1")
    recording = DepthRecording(args.recording, args.topic)
    try:
        rerun.init("prv2_ros", spawn=args.save is None)
        if args.save:
            args.save.parent.mkdir(parents=True, exist_ok=True)
            rerun.save(args.save)
        rerun.log("camera", rerun.ViewCoordinates.RDF, static=True)
        stamps = recording.stamps[:: args.every]
        for stamp in stamps:
            rerun.set_time("stamp", timestamp=np.datetime64(stamp, "ns"))
            _log_moment(rerun, recording.moment(stamp), args.width)
        for timing in recording.timings():
            stamp = timing.header.stamp.sec * 10**9 + timing.header.stamp.nanosec
            rerun.set_time("stamp", timestamp=np.datetime64(stamp, "ns"))
            for stage in _STAGES:
                rerun.log(f"timing/{stage}", rerun.Scalars(float(getattr(timing, stage))))
        rerun.disconnect()
    finally:
        recording.close()
    print(f"{args.save or 'the viewer'}: {len(stamps)} frames of {recording.depth_topic}")
    return 0


def _log_moment(rerun, moment, width: int) -> None:
    """Image, depth and pinhole of one frame; the viewer makes the cloud from them."""
    import cv2

    height = round(moment.depth_m.shape[0] * width / moment.depth_m.shape[1])
    depth_m = cv2.resize(moment.depth_m, (width, height), interpolation=cv2.INTER_NEAREST)
    rgb = cv2.resize(moment.rgb, (width, height), interpolation=cv2.INTER_AREA)
    if moment.intrinsics:
        across, down = width / moment.depth_m.shape[1], height / moment.depth_m.shape[0]
        fx, fy, cx, cy = moment.intrinsics
        pinhole = rerun.Pinhole(
            focal_length=(fx * across, fy * down), principal_point=(cx * across, cy * down), resolution=(width, height)
        )
        rerun.log("camera", pinhole)
    rerun.log("camera/image", rerun.Image(rgb).compress(jpeg_quality=85))
    # 0 is unknown in the viewer.
    rerun.log("camera/depth", rerun.DepthImage(np.where(np.isfinite(depth_m), depth_m, 0), meter=1.0))
