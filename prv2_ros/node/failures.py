# SPDX-License-Identifier: Apache-2.0
"""What the node does about exceptions, of frames and of lifecycle transitions."""

import functools
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from rclpy.exceptions import NameValidationException
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from prv2_ros.engine.faults import is_device_lost
from prv2_ros.errors import DeviceLostError, ImageError, Prv2Error
from prv2_ros.media.refusal import RefusedImageError
from prv2_ros.node.statistics import Statistics

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def transition(callback: Callable) -> Callable:
    """Decorator: rclpy swallows exceptions of transitions, so log them, keep the text for diagnostics, and fail."""

    @functools.wraps(callback)
    def guarded(self: Any, state: LifecycleState) -> TransitionCallbackReturn:
        name = callback.__name__.removeprefix("on_")
        try:
            result = callback(self, state)
        except (Prv2Error, ValueError, NameValidationException) as error:
            self.get_logger().error(f"{name} failed: {error}")
            self.problem = f"{name} failed: {error}"
        except Exception as error:  # noqa: BLE001 - the process and its services have to stay
            self.get_logger().error(f"{name} failed: {traceback.format_exc()}")
            self.problem = f"{name} failed: {type(error).__name__}: {error}"
        else:
            if result == SUCCESS:
                self.problem = ""
            return result
        return FAILURE

    return guarded


def count_failure(statistics: Statistics, error: Exception) -> str | None:
    """Count and log a frame that raised an error.

    Returns:
        The problem if this process can no longer use the device, else None.
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
            "out of GPU memory even with one tile at a time: frame skipped; use a smaller image or a lower precision",
            severity="error",
        )
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
        return None
    text = str(error) if isinstance(error, Prv2Error) else "".join(traceback.format_exception(error))
    statistics.note("failed", f"frame skipped: {text}", severity="error")
    return None
