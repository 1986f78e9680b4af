# SPDX-License-Identifier: Apache-2.0
"""Makes the demo recording from a rendered sequence."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.bags import BagWriter
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from prv2_ros.data import FolderDataset, Sample
from prv2_ros.demo import topics
from prv2_ros.errors import DataError
from prv2_ros.media.compressed_depth import DEPTH_32F, compress_depth

FRAME_ID = "camera_optical_frame"
START_NS = 1_735_689_600 * 10**9  # a round date, so that making the recording twice gives the same file
MAX_BYTES = 12_000_000
_QUALITIES = (92, 90, 87, 84, 80, 78, 75, 72, 68)
_GOOD_QUALITY = 78  # before pictures get worse than this, ground truth is left out of some frames
_TRUTH_EVERY = (1, 2, 3, 4)
_RESERVE_BYTES = 40_000


@dataclass(frozen=True)
class DemoBag:
    """What was written: frames, how many with ground truth, bytes on disk, JPEG quality, step of the ground truth."""

    frames: int
    with_truth: int
    size_bytes: int
    jpeg_quality: int
    depth_step_m_at_50_m: float


def make_demo_bag(
    folder: str | Path,
    out: str | Path,
    *,
    rate_hz: float = 10.0,
    every: int = 1,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[str], None] = lambda _: None,
) -> DemoBag:
    """Write a rosbag2 recording of a folder data set.

    Topics: `/image/compressed` (JPEG), `/camera_info`, and the ground truth as
    `/ground_truth/depth/compressedDepth` in image_transport's own form (16-bit PNG of inverse depth; no depth = sky,
    since a rendered frame knows every other pixel). The JPEG quality is the best that fits into `max_bytes`; where
    that would be a poor one, only every second, third or fourth frame has ground truth.

    Args:
        folder: Folder data set with exact depth (rgb/, depth/, meta.json).
        out: Folder to make.
        rate_hz: Frames a second in the recording, unless meta.json states `time_s` of its frames.
        every: Take every n-th frame.
        max_bytes: Size on disk that may not be exceeded.
        progress: Called with a line about each step.

    Raises:
        DataError: The folder is no data set, or the frames cannot be made to fit.
    """
    dataset = FolderDataset(folder)
    indices = range(0, len(dataset), every)
    if not indices:
        raise DataError(f"{folder} holds no frame with both rgb and depth")
    samples = [dataset[index] for index in indices]
    nearest_m = min(_nearest(sample.depth_m) for sample in samples)
    depth_pngs = []
    for number, sample in enumerate(samples):
        depth_pngs.append(compress_depth(sample.depth_m, nearest_m=nearest_m))
        progress(f"depth {number + 1} of {len(samples)}: {len(depth_pngs[-1]) / 1e6:.2f} MB")
    for truth_every in _TRUTH_EVERY:
        left = max_bytes - _RESERVE_BYTES - sum(map(len, depth_pngs[::truth_every]))
        quality, jpegs = _jpegs([sample.rgb for sample in samples], left)
        if quality >= _GOOD_QUALITY:
            break
    if not jpegs:
        raise DataError(f"the frames do not fit even at JPEG quality {_QUALITIES[-1]}; take fewer of them (--every)")
    with BagWriter(out) as writer:
        for number, sample in enumerate(samples):
            meta = {**dataset.meta, **dataset.meta.get("frames", {}).get(sample.name, {})}
            time_ns = START_NS + round(float(meta.get("time_s", number / rate_hz)) * 1e9)
            truth = depth_pngs[number] if number % truth_every == 0 else None
            _write_frame(writer, sample, meta, time_ns, jpegs[number], truth)
    size = sum(path.stat().st_size for path in Path(out).iterdir())
    if size > max_bytes:
        raise DataError(f"{out} has {size} bytes, more than {max_bytes}; take fewer frames (--every)")
    step_m = 50.0**2 / (65535 * nearest_m)
    return DemoBag(len(indices), len(depth_pngs[::truth_every]), size, quality, step_m)


def _nearest(depth_m: np.ndarray) -> float:
    known = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if known.size == 0:
        raise DataError("a frame without any depth cannot be in the demo recording")
    return float(known.min())


def _jpegs(images: list[np.ndarray], budget: int) -> tuple[int, list[bytes]]:
    """The best quality at which all frames fit, and their bytes; (0, []) when none does."""
    for quality in _QUALITIES:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        jpegs, total = [], 0
        for rgb in images:
            bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
            jpegs.append(cv2.imencode(".jpg", bgr, options)[1].tobytes())
            total += len(jpegs[-1])
            if total > budget:
                break
        else:
            return quality, jpegs
    return 0, []


def _write_frame(
    writer: BagWriter, sample: Sample, meta: dict, time_ns: int, jpeg: bytes, depth_png: bytes | None
) -> None:
    header = make_header(time_ns, FRAME_ID)
    height, width = sample.depth_m.shape
    centre = float(meta.get("cx", (width - 1) / 2)), float(meta.get("cy", (height - 1) / 2))
    info = camera_info_message(header, width=width, height=height, intrinsics=(*sample.focal_px, *centre))
    writer.write(topics.CAMERA_INFO, CAMERA_INFO_TYPE, time_ns, info)
    image = compressed_message(header, jpeg, "bgr8; jpeg compressed bgr8")
    writer.write(topics.IMAGE, COMPRESSED_TYPE, time_ns + 1, image)
    if depth_png is not None:
        truth = compressed_message(header, depth_png, DEPTH_32F)
        writer.write(topics.GROUND_TRUTH, COMPRESSED_TYPE, time_ns + 2, truth)
