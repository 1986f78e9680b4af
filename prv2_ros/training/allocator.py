# SPDX-License-Identifier: Apache-2.0
"""Keeping the C library from giving every large buffer back to the kernel, only to ask for it again.

glibc serves buffers above 32 MiB by mmap and frees them by munmap, so that each use of one starts with a page fault
every 4 KiB. The maps of a frame are such buffers: a tile of PRV2M at 384x512 takes half a million faults, a fifth of
its time. Where the heap may keep what is freed, the second frame finds the pages of the first.

It is a setting of the whole process, made when training on a CPU begins. `PRV2_KEEP_MEMORY=0` in the
environment leaves the C library alone: the process is then smaller between frames, and slower.
"""

import ctypes
import logging
import os
import sys

VARIABLE = "PRV2_KEEP_MEMORY"
# <malloc.h>
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_KEEP_BYTES = 2**31 - 1
_PAD_BYTES = 64 << 20
_DEFAULTS = {_M_TRIM_THRESHOLD: 128 << 10, _M_TOP_PAD: 128 << 10, _M_MMAP_MAX: 65536}

_log = logging.getLogger(__name__)


def keep_freed_memory(keep: bool = True) -> bool:
    """Let the heap keep up to 2 GiB of freed memory at its end, and serve large buffers from the heap.

    Args:
        keep: False undoes it and returns what is free to the system.

    Returns:
        whether the C library was told; False where it is not glibc, or the environment forbids it.
    """
    if not sys.platform.startswith("linux") or (keep and os.environ.get(VARIABLE, "1") == "0"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # One arena: those of other threads consist of 64 MiB pieces, too small for a frame's maps.
    settings = (
        {_M_ARENA_MAX: 1, _M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: _KEEP_BYTES, _M_TOP_PAD: _PAD_BYTES} if keep else _DEFAULTS
    )
    accepted = [library.mallopt(parameter, value) == 1 for parameter, value in settings.items()]
    if not keep:
        library.malloc_trim(0)
    if not all(accepted):
        _log.warning("glibc did not accept every heap setting; training steps may be slower")
    return all(accepted)
