# SPDX-License-Identifier: Apache-2.0
"""Colour preview of depth: near is warm, far is cold, black is unknown."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from sensor_msgs.msg import CompressedImage, Image
from torch import Tensor

from prv2_ros.engine.filters import relative_colour_position
from prv2_ros.engine.transfer import to_host
from prv2_ros.node.depth_message import Buffer, compressed_message, image_message

_UNKNOWN = 256
_JPEG_QUALITY = 85


@lru_cache(maxsize=4)
def _palette(device: torch.device) -> Tensor:
    """(257, 3) uint8 BGR: 256 colours from far to near, then black for unknown."""
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0]
    return torch.from_numpy(np.vstack([colours, np.zeros((1, 3), np.uint8)])).to(device)


def preview_message(header: Any, depth_m: Tensor, buffer: Buffer, *, near_m: float, far_m: float) -> Image:
    """bgr8 image of (H, W) float32 metres (REP 117); the colours are linear in inverse depth between the limits."""
    height, width = depth_m.shape
    position = relative_colour_position(depth_m, near_m, far_m)
    index = torch.where(torch.isnan(position), float(_UNKNOWN), (position * 255).round()).to(torch.long)
    view = buffer.view((height, width, 3), "uint8")
    to_host(_palette(depth_m.device)[index], out=torch.from_numpy(view))
    return image_message(header, buffer, height=height, width=width, encoding="bgr8", step=width * 3)


def jpeg_message(image: Image) -> CompressedImage:
    """A bgr8 image without padding as JPEG."""
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return compressed_message(image.header, "bgr8; jpeg compressed bgr8", data)
