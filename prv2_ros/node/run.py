# SPDX-License-Identifier: Apache-2.0
"""Runs the node until SIGINT or SIGTERM."""

import os
import re
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import RCLError, RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException, NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from prv2_ros.node.depth_node import DepthNode
from prv2_ros.node.signals import signal_stream

# A shutdown has 5 s; the operating system ends what is left.
_PATIENCE_S = 4.5
DEVICE_LOST = 3


def run(load_engine: Callable[..., Any], args: Sequence[str] | None = None) -> int:
    """Run a `DepthNode` in this process.

    Args:
        load_engine: `DepthEngine.load` or a function with the same arguments.
        args: command line with ROS arguments, `sys.argv` by default.

    Returns:
        exit status: 0 after a signal, 2 for an invalid command line or parameter, 3 if only a new process can use the
        device, so that a supervisor can restart the node.
    """
    signals = signal_stream()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except (RCLInvalidROSArgsError, UnknownROSArgsError, RCLError) as error:
        return _refuse(f"command line cannot be used: {_first_line(error)}")
    try:
        node = DepthNode(load_engine=load_engine)
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        return _refuse(f"parameter cannot be used: {error}")
    except (RCLError, NameValidationException) as error:
        return _refuse(f"the node cannot be created: {_first_line(error)}")
    stop = threading.Event()
    wake = node.create_guard_condition(lambda: None)
    threading.Thread(target=_wait_for_signal, args=(signals, node, stop, wake), name="signals", daemon=True).start()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.autostart()
    while rclpy.ok() and not stop.is_set() and not node.ended:
        try:
            executor.spin_once(timeout_sec=1.0)
        except ExternalShutdownException:
            break
        except Exception:  # noqa: BLE001 - a failing callback must not end the node
            node.get_logger().error(f"callback failed: {traceback.format_exc()}")
    status = DEVICE_LOST if node.ended else 0
    joined = node.close()
    executor.shutdown(timeout_sec=0.5)
    node.destroy_node()
    rclpy.try_shutdown()
    if not joined:
        # A thread inside the network would crash while libraries are unloaded.
        os._exit(status)
    return status


def _refuse(text: str) -> int:
    rclpy.logging.get_logger("depth_node").fatal(text)
    rclpy.try_shutdown()
    return 2


def _first_line(error: Exception) -> str:
    """The middleware's message without its source locations."""
    return re.split(r"\. Error: error not set|,? at /|\n", str(error).strip(), maxsplit=1)[0]


def _wait_for_signal(signals: int, node: DepthNode, stop: threading.Event, wake: Any) -> None:
    received = os.read(signals, 1)[0]
    node.get_logger().info(f"{signal.Signals(received).name}: shutting down")
    stop.set()
    wake.trigger()
    threading.Event().wait(_PATIENCE_S)
    node.get_logger().fatal(f"shutdown takes longer than {_PATIENCE_S} s: exiting now")
    os._exit(1)
