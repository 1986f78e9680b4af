# SPDX-License-Identifier: Apache-2.0
"""Make the demo recording from a rendered sequence."""

from pathlib import Path

import cv2
import numpy as np

from prv2_ros.bags import BagWriter
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from prv2_ros.data import FolderDataset
from prv2_ros.demo import topics
from prv2_ros.errors import DataError
from prv2_ros.media.compressed_depth import DEPTH_32F, compress_depth

FRAME_ID = "camera_optical_frame"
START_NS = 1_735_689_600 * 10**9  # fixed, so that making the recording twice gives the same file
QUALITY = 87
TRUTH_EVERY = 3  # ground truth of every frame would be larger than the images
_RATE_HZ = 10.0


def make_demo_bag(folder: str | Path, out: str | Path, *, every: int = 1) -> int:
    """Write a rosbag2 recording of a folder data set with exact depth (rgb/, depth/, meta.json).

    Topics: `/image/compressed` (JPEG), `/camera_info`, and for every third frame the ground truth as
    `/ground_truth/depth/compressedDepth` in image_transport's format (16-bit PNG of inverse depth; a pixel without
    depth is sky). Stamps come from `time_s` of the frames in meta.json, or 10 frames a second.

    Args:
        folder: the data set.
        out: folder to create.
        every: take every n-th frame.

    Returns:
        The number of frames.

    Raises:
        DataError: the folder is no data set, or a frame has no depth.
    """
    dataset = FolderDataset(folder)
    samples = [dataset[index] for index in range(0, len(dataset), every)]
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    with BagWriter(out) as writer:
        for number, sample in enumerate(samples):
            meta = {**dataset.meta, **dataset.meta.get("frames", {}).get(sample.name, {})}
            time_ns = START_NS + round(float(meta.get("time_s", number / _RATE_HZ)) * 1e9)
            header, (height, width) = make_header(time_ns, FRAME_ID), sample.depth_m.shape
            centre = float(meta.get("cx", (width - 1) / 2)), float(meta.get("cy", (height - 1) / 2))
            info = camera_info_message(header, width=width, height=height, intrinsics=(*sample.focal_px, *centre))
            writer.write(topics.CAMERA_INFO, CAMERA_INFO_TYPE, time_ns, info)
            jpeg = cv2.imencode(".jpg", cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()
            image = compressed_message(header, jpeg, "bgr8; jpeg compressed bgr8")
            writer.write(topics.IMAGE, COMPRESSED_TYPE, time_ns + 1, image)
            if number % TRUTH_EVERY == 0:
                if not (np.isfinite(sample.depth_m) & (sample.depth_m > 0)).any():
                    raise DataError(f"frame {sample.name} of {folder} has no depth at all: remove it from the data set")
                truth = compressed_message(header, compress_depth(sample.depth_m), DEPTH_32F)
                writer.write(topics.GROUND_TRUTH, COMPRESSED_TYPE, time_ns + 2, truth)
    return len(samples)
