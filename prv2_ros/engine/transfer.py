# SPDX-License-Identifier: Apache-2.0
"""Between host and device: over page-locked memory, which torch keeps for reuse, so that copies are asynchronous."""

import numpy as np
import torch
from torch import Tensor


def to_device(pixels: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; to CUDA it is on its way when this returns, in the order of the current stream."""
    if device.type != "cuda" or pixels.device.type != "cpu":
        return pixels.to(device)
    staged = torch.empty(pixels.shape, dtype=pixels.dtype, pin_memory=True)
    staged.copy_(pixels)
    # torch does not give the page-locked memory to anybody else before the stream has read it.
    return staged.to(device, non_blocking=True)


def to_host(values: Tensor, out: Tensor | None = None) -> np.ndarray:
    """An array of its own on the host, complete when this returns.

    Args:
        values: on any device.
        out: memory on the host for the result, of the same shape and type.
    """
    if values.device.type == "cuda":
        staged = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        staged.copy_(values, non_blocking=True)
        torch.cuda.current_stream(values.device).synchronize()
        values = staged
    if out is None:
        return values.cpu().numpy()
    if out.data_ptr() != values.data_ptr():
        out.copy_(values)
    return out.numpy()
