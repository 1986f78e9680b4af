# SPDX-License-Identifier: Apache-2.0
import mmap
import os

import shared_memory


def test_only_segments_without_an_owner_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, "SHM", tmp_path)
    names = {
        name: f"fastdds_{number:016x}" for number, name in enumerate(("orphan", "mapped", "locked", "fresh", "old"))
    }
    for name in (
        *names.values(),
        *(f"{name}_el" for name in names.values()),
        "fastdds_port7412",
        "sem.fastdds_port7412_mutex",
    ):
        (tmp_path / name).write_bytes(b"x" * 8192)
        os.utime(tmp_path / name, (1000, 1000))
    for name in (names["fresh"], f"{names['fresh']}_el"):
        os.utime(tmp_path / name)
    for name in (names["old"], f"{names['old']}_el"):
        os.utime(tmp_path / name, (10, 10))
    before = {path.name for path in tmp_path.iterdir()}
    # Fast DDS maps a segment, and only holds its lock open.
    with (tmp_path / names["mapped"]).open("rb") as file, (tmp_path / f"{names['locked']}_el").open("rb"):
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        file.close()
        assert shared_memory.remove_orphans(500) == 16384
        mapped.close()
    assert before - {path.name for path in tmp_path.iterdir()} == {names["orphan"], f"{names['orphan']}_el"}
