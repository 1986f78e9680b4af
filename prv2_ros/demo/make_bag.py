# SPDX-License-Identifier: Apache-2.0
"""Make the demo recording from a rendered sequence."""

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
START_NS = 1_735_689_600 * 10**9  # fixed, so that making the recording twice gives the same file
MAX_BYTES = 12_000_000
_QUALITIES = (92, 90, 87, 84, 80, 78, 75, 72, 68)
_GOOD_QUALITY = 78  # below this quality, ground truth is omitted from some frames instead
_TRUTH_EVERY = (1, 2, 3, 4)
_RESERVE_BYTES = 40_000
_RATE_HZ = 10.0


@dataclass(frozen=True)
class DemoBag:
    """The recording: frames, how many with ground truth, bytes on disk, JPEG quality, step of the ground truth."""

    frames: int
    with_truth: int
    size_bytes: int
    jpeg_quality: int
    depth_step_m_at_50_m: float


def make_demo_bag(
    folder: str | Path,
    out: str | Path,
    *,
    every: int = 1,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[str], None] = lambda _: None,
) -> DemoBag:
    """Write a rosbag2 recording of a folder data set with exact depth (rgb/, depth/, meta.json).

    Topics: `/image/compressed` (JPEG), `/camera_info`, and the ground truth as `/ground_truth/depth/compressedDepth`
    in image_transport's format (16-bit PNG of inverse depth; a pixel without depth is sky). Stamps come from `time_s`
    of the frames in meta.json, or 10 frames a second. The JPEG quality is the best that fits into `max_bytes`; where
    that is poor, only every second, third or fourth frame has ground truth.

    Args:
        folder: the data set.
        out: folder to create.
        every: take every n-th frame.
        max_bytes: limit of the size on disk.
        progress: called with a line about each step.

    Raises:
        DataError: the folder is no data set, or the frames do not fit.
    """
    dataset = FolderDataset(folder)
    samples = [dataset[index] for index in range(0, len(dataset), every)]
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
            time_ns = START_NS + round(float(meta.get("time_s", number / _RATE_HZ)) * 1e9)
            truth = depth_pngs[number] if number % truth_every == 0 else None
            _write_frame(writer, sample, meta, time_ns, jpegs[number], truth)
    size = sum(path.stat().st_size for path in Path(out).iterdir())
    if size > max_bytes:
        raise DataError(f"{out} has {size} bytes, more than {max_bytes}; take fewer frames (--every)")
    step_m = 50.0**2 / (65535 * nearest_m)
    return DemoBag(len(samples), len(depth_pngs[::truth_every]), size, quality, step_m)


def _nearest(depth_m: np.ndarray) -> float:
    known = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if known.size == 0:
        raise DataError("a frame has no depth at all: remove it from the data set")
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
