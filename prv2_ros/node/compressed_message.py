# SPDX-License-Identifier: Apache-2.0
"""Depth and preview for narrow links, in the formats of image_transport's plugins compressedDepth and compressed."""

import array
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from torch import Tensor

from prv2_ros.media.compressed_depth import DEPTH_16U, DEPTH_32F, compress_depth, compress_millimetres
from prv2_ros.node.depth_message import depth_pixels

# More effort makes a PNG of depth a little smaller and many times slower.
_PNG_LEVEL = 1
_JPEG_QUALITY = 85


def depth_png_message(header: Any, depth_m: Tensor, encoding: str) -> CompressedImage:
    """Depth image, (H, W) float32 metres with the values of REP 117, as compressedDepth; no depth becomes 0."""
    if encoding == "16UC1":
        data = compress_millimetres(depth_pixels(depth_m, encoding), level=_PNG_LEVEL)
        return _message(header, DEPTH_16U, data)
    return _message(header, DEPTH_32F, compress_depth(depth_m.cpu().numpy(), level=_PNG_LEVEL))


def jpeg_message(image: Image) -> CompressedImage:
    """A bgr8 image without padding as JPEG."""
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return _message(image.header, "bgr8; jpeg compressed bgr8", data)


def _message(header: Any, form: str, data: bytes) -> CompressedImage:
    # From bytes the setter would go through them one by one.
    return CompressedImage(header=header, format=form, data=array.array("B", data))
