# SPDX-License-Identifier: Apache-2.0
"""Numbers and pictures of a demo run."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.demo.recording import Played, Recordings
from prv2_ros.errors import DataError
from prv2_ros.evaluation import boundary_metrics, depth_metrics
from prv2_ros.media import write_image
from prv2_ros.media.images import write_whole
from prv2_ros.viz import depth_limits, depth_picture, render_cloud_picture

STAGES = (
    "convert_ms",
    "queue_wait_ms",
    "upload_ms",
    "coarse_ms",
    "tiles_ms",
    "assemble_ms",
    "download_ms",
    "publish_ms",
    "total_ms",
    "frame_age_ms",
)
METRICS = ("rmse", "delta1", "f1")


@dataclass(frozen=True)
class Measures:
    """Means over frames.

    Attributes:
        frames: How many frames were measured.
        coarse: RMSE (m), delta1 and boundary F1 of the coarse branch alone.
        refined: The same of the depth that the node published.
    """

    frames: int
    coarse: dict[str, float]
    refined: dict[str, float]


def measure(
    recordings: Recordings,
    engine: Any,
    *,
    limit: int,
    max_depth_m: float = 80.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Measures | None:
    """Compare coarse and published depth with the ground truth on up to `limit` frames, evenly spaced.

    Args:
        recordings: What was played and what came back.
        engine: A DepthEngine with the node's weights, for the coarse branch.
        limit: Frames to measure at most.
        max_depth_m: Ground truth beyond it is not measured.
        progress: Called with (frames done, frames in all).

    Returns:
        Means over the frames; None without ground truth.
    """
    stamps = recordings.stamps(with_truth=True)
    if not stamps:
        return None
    chosen = [
        stamps[i] for i in np.unique(np.linspace(0, len(stamps) - 1, min(limit, len(stamps))).round().astype(int))
    ]
    rows: dict[str, list[dict[str, float]]] = {"coarse": [], "refined": []}
    for done, stamp in enumerate(chosen):
        frame = recordings.frame(stamp)
        if frame.intrinsics is None:
            continue
        coarse_m = engine.coarse(frame.rgb, focal_px=frame.intrinsics[:2])
        for name, depth_m in (("coarse", coarse_m), ("refined", frame.depth_m)):
            accuracy = depth_metrics(depth_m, frame.truth_m, max_depth=max_depth_m)
            edges = boundary_metrics(depth_m, frame.truth_m, max_depth=max_depth_m)
            rows[name].append({"rmse": accuracy["rmse"], "delta1": accuracy["delta1"], "f1": edges["f1"]})
        progress(done + 1, len(chosen))
    if not rows["coarse"]:
        return None
    means = {name: {key: float(np.mean([r[key] for r in found])) for key in METRICS} for name, found in rows.items()}
    return Measures(len(rows["coarse"]), means["coarse"], means["refined"])


def write_timing_csv(path: Path, timings: list[Any]) -> None:
    """One row a frame, every field of the timing message."""
    if not timings:
        raise DataError("there is no timing message to write")
    names = [name for name in vars(timings[0]) if name not in ("header",) and not name.startswith("_")]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["stamp_ns", "frame_id", *names])
    for timing in timings:
        stamp = timing.header.stamp.sec * 10**9 + timing.header.stamp.nanosec
        values = [getattr(timing, name) for name in names]
        writer.writerow([stamp, timing.header.frame_id, *(f"{v:.3f}" if isinstance(v, float) else v for v in values)])
    write_whole(path, text.getvalue().encode())


def stage_table(timings: list[Any]) -> list[tuple[str, float, float]]:
    """(stage, median ms, largest ms) for each stage of the timing messages."""
    table = []
    for stage in STAGES:
        values = [float(getattr(timing, stage)) for timing in timings]
        if stage == "frame_age_ms":
            continue  # stamps of a recording are old: its age says nothing about the node
        table.append((stage.removesuffix("_ms"), float(np.median(values)), max(values)))
    return table


def draw(frame: Played, out: Path) -> list[Path]:
    """depth.png (colours with a metre scale) and cloud.png of one frame."""
    near, far = depth_limits(frame.depth_m)
    depth_file, cloud_file = out / "depth.png", out / "cloud.png"
    write_image(depth_file, depth_picture(frame.depth_m, min=near, max=far, title="depth published by the node"))
    intrinsics = frame.intrinsics or _guess(frame)
    write_image(cloud_file, render_cloud_picture(frame.depth_m, frame.rgb, intrinsics, size=(1600, 900)))
    return [depth_file, cloud_file]


def overview(frame: Played, *, width: int = 1600) -> np.ndarray:
    """Input and depth side by side above the cloud, for a README: (H, width, 3) uint8 RGB."""
    import cv2

    half = width // 2
    height, full_width = frame.rgb.shape[:2]
    size = (half, round(height * half / full_width))
    rgb = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
    depth = depth_picture(cv2.resize(frame.depth_m, size, interpolation=cv2.INTER_NEAREST))
    bar = depth.shape[0] - rgb.shape[0]
    rgb = np.pad(rgb, ((0, bar), (0, 0), (0, 0)), constant_values=255)
    cloud = render_cloud_picture(
        frame.depth_m, frame.rgb, frame.intrinsics or _guess(frame), size=(width, width * 7 // 16)
    )
    return np.vstack([np.hstack([rgb, depth]), cloud])


def _guess(frame: Played) -> tuple[float, float, float, float]:
    height, width = frame.rgb.shape[:2]
    return 0.8 * width, 0.8 * width, (width - 1) / 2, (height - 1) / 2
