# SPDX-License-Identifier: Apache-2.0
"""What processes that tests kill leave behind: Fast DDS's shared memory, about a hundred megabytes each."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

SHM = Path("/dev/shm")
# The segment of a participant and the lock that tells others that its owner lives. Ports and semaphores are small,
# shared between processes and looked after by Fast DDS itself: to remove one cuts living nodes off from each other.
SEGMENT = re.compile(r"(fast(?:dds|rtps)_[0-9a-f]{16})(_el)?")


def in_use() -> set[str]:
    """Names of the shared memory files that some process still maps or holds open, as it does with locks."""
    paths = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended meanwhile, or is another user's
            lines = (process / "maps").read_text().splitlines()
            paths.update(line[line.index("/") :] for line in lines if "/" in line)
            for link in (process / "fd").iterdir():
                with suppress(OSError):
                    paths.add(os.readlink(link))
    return {path.removeprefix(f"{SHM}/") for path in paths if path.startswith(f"{SHM}/")}


def remove_orphans(since: float) -> int:
    """Remove Fast DDS segments that were made since then (`time.time()`) and have no owner; returns the bytes freed."""
    used, freed = in_use(), 0
    for path in SHM.iterdir():
        segment = SEGMENT.fullmatch(path.name)
        if segment is None or {segment[1], f"{segment[1]}_el"} & used:
            continue
        try:
            status = path.stat()
            # A file of the last seconds may belong to a process that is just starting.
            if since <= status.st_mtime < time.time() - 5:
                path.unlink()
                freed += status.st_blocks * 512
        except OSError:
            continue
    return freed
