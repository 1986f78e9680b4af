# SPDX-License-Identifier: Apache-2.0
"""What processes that tests kill leave behind: Fast DDS's shared memory, about a hundred megabytes each."""

import time
from pathlib import Path

SHM = Path("/dev/shm")


def in_use() -> set[str]:
    """Names of the shared memory files that some process still maps."""
    names = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            text = maps.read_text()
        except OSError:  # the process has ended meanwhile, or is another user's
            continue
        names.update(line.rsplit("/", 1)[1] for line in text.splitlines() if f"{SHM}/" in line)
    return names


def remove_orphans(since: float) -> int:
    """Remove Fast DDS files that were made since then (`time.time()`) and that nobody maps; returns the bytes freed."""
    used, freed = in_use(), 0
    for path in [*SHM.glob("fastdds_*"), *SHM.glob("fastrtps_*"), *SHM.glob("sem.fast*")]:
        try:
            status = path.stat()
            # A file of the last seconds may belong to a process that is just starting.
            if path.name not in used and since <= status.st_mtime < time.time() - 5:
                path.unlink()
                freed += status.st_blocks * 512
        except OSError:
            continue
    return freed
