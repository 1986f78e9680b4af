# SPDX-License-Identifier: Apache-2.0
"""Numbers and pictures of a demo run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prv2_ros.bags.depth_recording import DepthRecording, Moment
from prv2_ros.demo.recording import truth_of
from prv2_ros.evaluation import boundary_metrics, depth_metrics
from prv2_ros.media import write_image
from prv2_ros.viz import depth_picture, render_cloud_picture

STAGES = ("convert", "queue_wait", "upload", "coarse", "tiles", "assemble", "download", "publish", "total")
METRICS = ("rmse", "delta1", "f1")


@dataclass(frozen=True)
class Measures:
    """Means of METRICS (RMSE in m) over `frames` frames, for the coarse branch and the published depth."""

    frames: int
    coarse: dict[str, float]
    refined: dict[str, float]


def measure(
    recording: DepthRecording,
    truth: dict[int, Any],
    engine: Any,
    *,
    limit: int,
    max_depth_m: float = 80.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Measures | None:
    """Compare coarse and published depth with the ground truth on up to `limit` frames, evenly spaced.

    Args:
        recording: what `prv2_ros.node.play` recorded.
        truth: ground truth of the played recording, by stamp.
        engine: a DepthEngine with the node's weights, for the coarse branch.
        limit: largest number of frames.
        max_depth_m: ground truth beyond is ignored.
        progress: called with (frames done, frames in all).

    Returns:
        The means; None without ground truth.
    """
    stamps = [stamp for stamp in recording.stamps if stamp in truth]
    if not stamps:
        return None
    places = np.unique(np.linspace(0, len(stamps) - 1, min(limit, len(stamps))).round().astype(int))
    chosen = [stamps[place] for place in places]
    rows: dict[str, list[dict[str, float]]] = {"coarse": [], "refined": []}
    for done, stamp in enumerate(chosen):
        frame, truth_m = recording.moment(stamp), truth_of(truth[stamp])
        if frame.intrinsics is None:
            continue
        coarse_m = engine.coarse(frame.rgb, focal_px=frame.intrinsics[:2])
        for name, depth_m in (("coarse", coarse_m), ("refined", frame.depth_m)):
            found = depth_metrics(depth_m, truth_m, max_depth=max_depth_m)
            found |= boundary_metrics(depth_m, truth_m, max_depth=max_depth_m)
            rows[name].append({metric: found[metric] for metric in METRICS})
        progress(done + 1, len(chosen))
    if not rows["coarse"]:
        return None
    means = {name: {key: float(np.mean([r[key] for r in found])) for key in METRICS} for name, found in rows.items()}
    return Measures(len(rows["coarse"]), means["coarse"], means["refined"])


def stage_table(timings: list[Any]) -> list[tuple[str, float, float]]:
    """(stage, median ms, largest ms) for each stage of the timing messages."""
    rows = {stage: [float(getattr(timing, f"{stage}_ms")) for timing in timings] for stage in STAGES}
    return [(stage, float(np.median(values)), max(values)) for stage, values in rows.items()]


def draw(frame: Moment, out: Path) -> list[Path]:
    """depth.png (colours with a metre scale) and cloud.png of one frame."""
    depth_file, cloud_file = out / "depth.png", out / "cloud.png"
    write_image(depth_file, depth_picture(frame.depth_m, title="depth published by the node"))
    write_image(cloud_file, _cloud(frame, (1600, 900)))
    return [depth_file, cloud_file]


def overview(frame: Moment, *, width: int = 1600) -> np.ndarray:
    """Input and depth side by side above the cloud, for a README: (H, width, 3) uint8 RGB."""
    half = width // 2
    height, full_width = frame.rgb.shape[:2]
    size = (half, round(height * half / full_width))
    rgb = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
    depth = depth_picture(cv2.resize(frame.depth_m, size, interpolation=cv2.INTER_NEAREST))
    bar = depth.shape[0] - rgb.shape[0]
    rgb = np.pad(rgb, ((0, bar), (0, 0), (0, 0)), constant_values=255)
    return np.vstack([np.hstack([rgb, depth]), _cloud(frame, (width, width * 7 // 16))])


def _cloud(frame: Moment, size: tuple[int, int]) -> np.ndarray:
    """Picture of the cloud; without intrinsics those of a typical camera are used."""
    height, width = frame.rgb.shape[:2]
    typical = 0.8 * width, 0.8 * width, (width - 1) / 2, (height - 1) / 2
    return render_cloud_picture(frame.depth_m, frame.rgb, frame.intrinsics or typical, size=size)
