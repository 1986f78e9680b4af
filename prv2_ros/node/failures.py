# SPDX-License-Identifier: Apache-2.0
"""Frames that could not be computed: refused, failed, or the end of the device."""

import traceback
from contextlib import suppress

import torch

from prv2_ros.engine.faults import is_device_lost
from prv2_ros.errors import DeviceLostError, ImageError, Prv2Error
from prv2_ros.media.encodings import RefusedImageError
from prv2_ros.node.statistics import Statistics


def count_failure(statistics: Statistics, error: Exception) -> str | None:
    """Count and tell a frame that raised an error.

    Returns:
        What is wrong with the device where only a new process can use it; None where the next frame may do.
    """
    if isinstance(error, ImageError):
        statistics.count("refused")
        reason = error.reason if isinstance(error, RefusedImageError) else "image"
        statistics.note(reason, f"image refused: {error}")
        return None
    statistics.count("failed")
    if isinstance(error, DeviceLostError) or is_device_lost(error):
        return str(error).strip().splitlines()[0]
    if isinstance(error, torch.OutOfMemoryError):
        statistics.note(
            "out_of_memory",
            "out of GPU memory even with the smallest tile batch: frame skipped; a smaller image, grid or precision "
            "needs less",
            severity="error",
        )
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
        return None
    text = str(error) if isinstance(error, Prv2Error) else "".join(traceback.format_exception(error))
    statistics.note("failed", f"frame skipped: {text}", severity="error")
    return None
