# SPDX-License-Identifier: Apache-2.0
"""Choice of device and precision, and the settings of torch under which an engine runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_log = logging.getLogger(__name__)


def resolve_device(device: str) -> torch.device:
    """ "auto" is CUDA where there is one; an absent CUDA falls back to the CPU with a warning.

    Returns:
        the device; of CUDA with its index, so that it equals the device of the tensors on it.

    Raises:
        ValueError: torch knows no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device '{device}': choose auto, cpu, cuda or cuda:<index>") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        _log.warning("device '%s' was asked for but torch finds no CUDA; running on the CPU, far slower", device)
        return torch.device("cpu")
    if resolved.type != "cuda":
        return resolved
    if (resolved.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device '{device}' does not exist: torch finds {torch.cuda.device_count()} CUDA devices")
    return resolved if resolved.index is not None else torch.device("cuda", torch.cuda.current_device())


@contextmanager
def running_on(device: torch.device) -> Iterator[None]:
    """Torch's settings while an engine works; what the caller had set is there again afterwards.

    On CUDA: the device is the current one of this thread, to which streams, events and graphs belong; float32 is
    float32 in convolutions too, for coarse depth must not be rounded; and cuDNN times its kernels once a shape.
    """
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    exact = cudnn.flags(enabled=cudnn.enabled, benchmark=True, deterministic=False, allow_tf32=False)
    with torch.cuda.device(device), exact:
        yield


def resolve_precision(precision: str, device: torch.device) -> str:
    """ "auto" is fp32 on a CPU, where bf16 is for who has measured it; on CUDA bf16, or fp16 where that is emulated.

    Raises:
        ValueError: the precision is unknown, or fp16 on a CPU, where torch's kernels are slower than fp32.
    """
    if precision == "auto":
        if device.type == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return "fp32"
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision '{precision}': choose auto, {', '.join(PRECISIONS)}")
    if precision == "fp16" and device.type == "cpu":
        raise ValueError("precision 'fp16' is for CUDA: on a CPU choose fp32 or bf16")
    return precision
