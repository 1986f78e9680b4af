# SPDX-License-Identifier: Apache-2.0
import mmap
import os

import shared_memory


def test_only_what_nobody_maps_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, "SHM", tmp_path)
    orphan, mapped, fresh, old = (tmp_path / f"fastdds_{name}" for name in ("orphan", "mapped", "fresh", "old"))
    for path in (orphan, mapped, fresh, old):
        path.write_bytes(b"x" * 8192)
    now = fresh.stat().st_mtime
    for path, age in ((orphan, 60), (mapped, 60), (old, 600)):
        os.utime(path, (now - age, now - age))
    with mapped.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert shared_memory.remove_orphans(since=now - 120) >= 8192
    assert not orphan.exists()
    assert mapped.exists() and fresh.exists() and old.exists()
