# SPDX-License-Identifier: Apache-2.0
"""Names of the demo recording's topics; the node's default names, so nothing has to be remapped."""

from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, TIMING_TYPE

IMAGE = "/image/compressed"
CAMERA_INFO = "/camera_info"
GROUND_TRUTH = "/ground_truth/depth/compressedDepth"
INPUT = {CAMERA_INFO: CAMERA_INFO_TYPE, IMAGE: COMPRESSED_TYPE}

DEPTH = "/depth/image_rect"
DEPTH_INFO = "/depth/camera_info"
POINTS = "/points"
TIMING = "/timing"
DIAGNOSTICS = "/diagnostics"
OUTPUT = {
    DEPTH: IMAGE_TYPE,
    DEPTH_INFO: CAMERA_INFO_TYPE,
    POINTS: CLOUD_TYPE,
    TIMING: TIMING_TYPE,
    DIAGNOSTICS: "diagnostic_msgs/msg/DiagnosticArray",
}
