# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM from the first moment on: while the imports run they end the process, later they wake a thread."""

import os
import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_quietly() -> None:
    """Until `signal_stream` takes over, a signal ends the process at once, as asked for and without a traceback.

    Importing torch takes seconds, in which nothing has been begun that would need to be ended.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda *_: os._exit(0))


def signal_stream() -> int:
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
