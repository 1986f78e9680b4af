# SPDX-License-Identifier: Apache-2.0
"""`python -m prv2_ros.node` and `ros2 run prv2_ros depth_node`: run the node until SIGINT or SIGTERM."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from prv2_ros.node.depth_node import DepthNode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Shutdown has 5 s; what is not joined by then is left to the operating system.
_PATIENCE_S = 4.5
DEVICE_LOST = 3


def run(load_engine: Callable[..., Any], args: Sequence[str] | None = None) -> int:
    """Run a `DepthNode` in this process.

    Args:
        load_engine: `DepthEngine.load` or a function of the same arguments.
        args: command line with ROS arguments, `sys.argv` by default.

    Returns:
        exit status: 0 after a signal, 2 for parameters that cannot be used, 3 when the device can no longer be used by
        this process, so that whoever started it can start it anew.
    """
    signals = _signal_stream()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = DepthNode(load_engine=load_engine)
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        rclpy.logging.get_logger("depth_node").fatal(f"parameter cannot be used: {error}")
        rclpy.shutdown()
        return 2
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
        except Exception:  # noqa: BLE001 - a callback that fails must not end the node
            node.get_logger().error(f"callback failed: {traceback.format_exc()}")
    status = DEVICE_LOST if node.ended else 0
    joined = node.close()
    executor.shutdown(timeout_sec=0.5)
    node.destroy_node()
    rclpy.try_shutdown()
    if not joined:
        # A thread inside the network would meet libraries that are being torn down.
        os._exit(status)
    return status


def _signal_stream() -> int:
    """File descriptor that gives a byte for each SIGINT and SIGTERM.

    Python's own handlers run in the main thread only, and not before the middleware's wait or the network's load
    returns; the byte is written at once.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _wait_for_signal(signals: int, node: DepthNode, stop: threading.Event, wake: Any) -> None:
    received = os.read(signals, 1)[0]
    node.get_logger().info(f"{signal.Signals(received).name}: shutting down")
    stop.set()
    wake.trigger()
    threading.Event().wait(_PATIENCE_S)
    node.get_logger().fatal(f"something did not end within {_PATIENCE_S} s: ending without it")
    os._exit(1)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    from prv2_ros.engine import DepthEngine

    return run(DepthEngine.load, args)


if __name__ == "__main__":
    sys.exit(main())
