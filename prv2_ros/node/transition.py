# SPDX-License-Identifier: Apache-2.0
"""Lifecycle callbacks that never lose an exception."""

import functools
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.exceptions import NameValidationException
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from prv2_ros.errors import Prv2Error

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def transition(callback: Callable) -> Callable:
    """rclpy swallows exceptions of transitions: log them, keep the text for diagnostics, and answer FAILURE."""

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
