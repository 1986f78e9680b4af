# SPDX-License-Identifier: Apache-2.0
"""What a device's errors mean: memory that does not suffice, or a device that can no longer be used."""

import torch

# Libraries that allocate by themselves report it in words of their own, as plain RuntimeErrors.
_NO_MEMORY = ("out of memory", "alloc_failed", "allocation_failed", "cudaerrormemoryallocation")
_LOST = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "invalid program counter",
    "hardware stack error",
    "launch timed out",
    "launch timeout",
    "uncorrectable ecc",
    "uncorrectable nvlink",
    "device is lost",
    "context is destroyed",
    "driver shutting down",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device's memory did not suffice; less work at once may then succeed."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether the CUDA context is broken: every later call on the device fails, only a new process helps."""
    while error is not None:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            text = str(error).lower()
            if any(words in text for words in _LOST):
                return True
        error = error.__cause__
    return False
