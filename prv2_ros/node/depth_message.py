# SPDX-License-Identifier: Apache-2.0
"""Depth image messages: one row of a table per encoding, one buffer per output that is written in place."""

import array
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sensor_msgs.msg import CompressedImage, Image
from torch import Tensor

from prv2_ros.engine.inputs import Picture
from prv2_ros.engine.transfer import to_host
from prv2_ros.media.compressed_depth import DEPTH_16U, DEPTH_32F, compress_depth, compress_millimetres

# A higher level shrinks a PNG of depth a little and takes many times longer.
_PNG_LEVEL = 1


@dataclass(frozen=True)
class DepthEncoding:
    """How depth in metres is written: dtype of a pixel and the conversion on the depth's device."""

    dtype: str
    convert: Callable[[Tensor], Tensor]


def _millimetres(depth_m: Tensor) -> Tensor:
    # REP 118: 0 is "no depth"; neither infinities nor what 16 bits cannot hold have one.
    millimetres = (depth_m * 1000.0).round_()
    known = torch.where((millimetres >= 1) & (millimetres <= 65535), millimetres, 0.0).to(torch.int32)
    # The bits of uint16 in a type that every torch can copy: half as much leaves the device as in int32.
    return torch.where(known > 32767, known - 65536, known).to(torch.int16)


DEPTH_ENCODINGS = {
    "32FC1": DepthEncoding("float32", lambda depth_m: depth_m),
    "16UC1": DepthEncoding("uint16", _millimetres),
}


class Buffer:
    """Memory of a message's `data`, kept from frame to frame and replaced only when its size changes.

    An `array.array` is what rclpy hands to the middleware without a copy; it is written through numpy views.
    """

    def __init__(self) -> None:
        self.data = array.array("B")

    def view(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """Writable view of the buffer with this shape and dtype; `data` then has exactly its size."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if len(self.data) != size:
            self.data = array.array("B", bytes(size))
        return np.frombuffer(self.data, dtype=dtype).reshape(shape)


def attach(message: Any, buffer: Buffer) -> None:
    """Give a message the buffer as its data, without a copy.

    Since ROS 2 Jazzy the setter copies, as the constructor does everywhere, unless the message checks its fields.
    """
    if hasattr(message, "_check_fields"):
        message._check_fields = True
    message.data = buffer.data


def image_message(header: Any, buffer: Buffer, *, height: int, width: int, encoding: str, step: int) -> Image:
    """Image message around a buffer."""
    message = Image(header=header, height=height, width=width, encoding=encoding, step=step)
    message.is_bigendian = int(sys.byteorder == "big")
    attach(message, buffer)
    return message


def depth_memory(depth_m: Tensor, encoding: str, buffer: Buffer) -> Tensor | None:
    """The output's memory as a tensor in which the last step can leave its result; None where that cannot be."""
    if depth_m.device.type != "cpu" or DEPTH_ENCODINGS[encoding].dtype != "float32":
        return None
    memory = torch.from_numpy(buffer.view(tuple(depth_m.shape), "float32"))
    # The engine's depth is never written into the buffer, but a caller may hand back what came from here.
    return memory if memory.data_ptr() != depth_m.data_ptr() else None


def depth_pixels(depth_m: Tensor, encoding: str) -> np.ndarray:
    """(H, W) array of an encoding's own dtype on the host, from (H, W) float32 metres."""
    traits = DEPTH_ENCODINGS[encoding]
    return to_host(traits.convert(depth_m)).view(traits.dtype)


def picture_message(header: Any, rgb: Picture, buffer: Buffer, *, height: int, width: int) -> Image:
    """rgb8 image of the size of a depth image: each pixel is the one that the depth at its place belongs to.

    Args:
        header: stamp and optical frame of the image.
        rgb: (h, w, 3) uint8 of any size, on the host or on a device.
        buffer: memory of this output.
        height, width: of the depth image.
    """
    pixels = torch.as_tensor(rgb)
    if pixels.shape[:2] != (height, width):
        rows = torch.arange(height, device=pixels.device) * pixels.shape[0] // height
        columns = torch.arange(width, device=pixels.device) * pixels.shape[1] // width
        pixels = pixels[rows[:, None], columns]
    to_host(pixels, out=torch.from_numpy(buffer.view((height, width, 3), "uint8")))
    return image_message(header, buffer, height=height, width=width, encoding="rgb8", step=3 * width)


def depth_message(header: Any, depth_m: Tensor, encoding: str, buffer: Buffer) -> Image:
    """Depth image message.

    Args:
        header: stamp and optical frame of the image.
        depth_m: (H, W) float32 metres with NaN and infinities of REP 117, on any device, or from `depth_memory`.
        encoding: "32FC1" or "16UC1".
        buffer: memory of this output.

    Returns:
        The message; its data are valid until the buffer is written again.
    """
    height, width = depth_m.shape
    traits = DEPTH_ENCODINGS[encoding]
    view = buffer.view((height, width), traits.dtype)
    pixels = traits.convert(depth_m)
    to_host(pixels, out=torch.from_numpy(view if traits.dtype == "float32" else view.view(np.int16)))
    return image_message(header, buffer, height=height, width=width, encoding=encoding, step=width * view.itemsize)


def depth_png_message(header: Any, depth_m: Tensor, encoding: str) -> CompressedImage:
    """Depth image, (H, W) float32 metres with the values of REP 117, as compressedDepth; no depth becomes 0."""
    if encoding == "16UC1":
        data = compress_millimetres(depth_pixels(depth_m, encoding), level=_PNG_LEVEL)
        return compressed_message(header, DEPTH_16U, data)
    return compressed_message(header, DEPTH_32F, compress_depth(depth_m.cpu().numpy(), level=_PNG_LEVEL))


def compressed_message(header: Any, form: str, data: bytes) -> CompressedImage:
    """CompressedImage; its setter would copy bytes one by one, so they come as an array."""
    return CompressedImage(header=header, format=form, data=array.array("B", data))
