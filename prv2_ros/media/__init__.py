# SPDX-License-Identifier: Apache-2.0
"""Images, depth files, point files and videos on disk; nothing here knows the network or ROS."""

from prv2_ros.media.depth_files import DEPTH_SUFFIXES, read_depth, write_depth, write_ply
from prv2_ros.media.exif import exif_focal_px
from prv2_ros.media.images import IMAGE_SUFFIXES, read_image, write_image

__all__ = [
    "DEPTH_SUFFIXES",
    "IMAGE_SUFFIXES",
    "exif_focal_px",
    "read_depth",
    "read_image",
    "write_depth",
    "write_image",
    "write_ply",
]
