# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM: during the imports they end the process, later they wake a thread."""

import os
import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_quietly() -> None:
    """Until `signal_stream` takes over, a signal ends the process at once and without a traceback.

    Importing torch takes seconds, and nothing needs a cleanup before that.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda *_: os._exit(0))


def signal_stream() -> int:
    """File descriptor that yields a byte for each SIGINT and SIGTERM.

    Python's handlers run in the main thread, after the middleware's wait or the network's load; the byte comes at once.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader
