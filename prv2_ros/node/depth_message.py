# SPDX-License-Identifier: Apache-2.0
"""Image messages: a table of depth encodings, and one buffer for each output that is written in place."""

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
    """An encoding: dtype of a pixel, and the conversion from metres on the depth's device."""

    dtype: str
    convert: Callable[[Tensor], Tensor]


def _millimetres(depth_m: Tensor) -> Tensor:
    # REP 118: 0 is "no depth", also for infinities and values beyond 16 bits.
    millimetres = (depth_m * 1000.0).round_()
    known = torch.where((millimetres >= 1) & (millimetres <= 65535), millimetres, 0.0).to(torch.int32)
    # uint16 bits in a type that every torch can copy; int32 would double the download.
    return torch.where(known > 32767, known - 65536, known).to(torch.int16)


DEPTH_ENCODINGS = {
    "32FC1": DepthEncoding("float32", lambda depth_m: depth_m),
    "16UC1": DepthEncoding("uint16", _millimetres),
}


class Buffer:
    """Memory of a message's `data`, reused from frame to frame while its size stays the same.

    rclpy passes an `array.array` to the middleware without a copy; it is written through numpy views.
    """

    def __init__(self) -> None:
        self.data = array.array("B")

    def view(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """Writable view of the buffer with this shape and dtype, resized to fit."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if len(self.data) != size:
            self.data = array.array("B", bytes(size))
        return np.frombuffer(self.data, dtype=dtype).reshape(shape)


def attach(message: Any, buffer: Buffer) -> None:
    """Make the buffer the message's data without a copy; since Jazzy the setter copies unless it checks its fields."""
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
    """The buffer as a tensor for the last step to write into; None if a conversion or download is needed."""
    if depth_m.device.type != "cpu" or DEPTH_ENCODINGS[encoding].dtype != "float32":
        return None
    memory = torch.from_numpy(buffer.view(tuple(depth_m.shape), "float32"))
    # A caller may pass the depth that this buffer already holds.
    return memory if memory.data_ptr() != depth_m.data_ptr() else None


def depth_pixels(depth_m: Tensor, encoding: str) -> np.ndarray:
    """(H, W) float32 metres as a host array in the dtype of an encoding."""
    traits = DEPTH_ENCODINGS[encoding]
    return to_host(traits.convert(depth_m)).view(traits.dtype)


def picture_message(header: Any, rgb: Picture, buffer: Buffer, *, height: int, width: int) -> Image:
    """rgb8 image resized to a depth image, so that each pixel belongs to the depth at its place.

    Args:
        header: stamp and optical frame.
        rgb: (h, w, 3) uint8 of any size, on the host or a device.
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
        header: stamp and optical frame.
        depth_m: (H, W) float32 metres with NaN and infinities of REP 117, on any device, or from `depth_memory`.
        encoding: "32FC1" or "16UC1".
        buffer: memory of this output; the message is valid until its next use.
    """
    height, width = depth_m.shape
    traits = DEPTH_ENCODINGS[encoding]
    view = buffer.view((height, width), traits.dtype)
    pixels = traits.convert(depth_m)
    to_host(pixels, out=torch.from_numpy(view if traits.dtype == "float32" else view.view(np.int16)))
    return image_message(header, buffer, height=height, width=width, encoding=encoding, step=width * view.itemsize)


def depth_png_message(header: Any, depth_m: Tensor, encoding: str) -> CompressedImage:
    """(H, W) float32 metres with the values of REP 117 as compressedDepth; 0 for no depth."""
    if encoding == "16UC1":
        data = compress_millimetres(depth_pixels(depth_m, encoding), level=_PNG_LEVEL)
        return compressed_message(header, DEPTH_16U, data)
    return compressed_message(header, DEPTH_32F, compress_depth(depth_m.cpu().numpy(), level=_PNG_LEVEL))


def compressed_message(header: Any, form: str, data: bytes) -> CompressedImage:
    """CompressedImage; its setter would copy bytes one by one, so they come as an array."""
    return CompressedImage(header=header, format=form, data=array.array("B", data))
