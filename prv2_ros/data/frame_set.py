# SPDX-License-Identifier: Apache-2.0
"""The base of all readers: frames by name, divided into splits so that no scene is in two of them."""

import zlib
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from prv2_ros.data.sample import Sample

VALIDATION_SHARE = 10
GROUPS_A_BLOCK = 16
MIN_GROUPS_TO_SPLIT = 5


class FrameSet:
    """A data set on disk; a reader says which frames there are (`_find`) and reads one (`_read`).

    Args:
        path: folder or file of the set.
        split: None for all frames; "train", "val" or "test" as the set states, otherwise by scene
            (a fixed tenth is "val"; a set of fewer than five scenes has no "val").
        include, exclude: patterns that the names of frames must, or must not, match.

    Raises:
        DataError: a file is missing or cannot be read.
    """

    name: str
    licence: str
    sparse = False

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        *,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        found, stated = self._find()
        names = [n for n in found if any(fnmatch(n, p) for p in include) and not any(fnmatch(n, p) for p in exclude)]
        self.names = names if split is None else self._select(names, split, stated)

    def _find(self) -> tuple[Sequence[str], Any]:
        """Names of all frames, and the set's own splits.

        Splits are {split: names or patterns}, the name of the one split of all frames, or empty for a split by scene.
        """
        raise NotImplementedError

    def _read(self, name: str) -> dict[str, Any]:
        """`rgb`, `depth_m`, `focal_px` of a frame, and `sparse` where frames differ in it."""
        raise NotImplementedError

    def group_of(self, name: str) -> str:
        """The scene of a frame."""
        return name.split("/")[0]

    def _select(self, names: list[str], split: str, stated: Any) -> list[str]:
        if isinstance(stated, str):
            return names if stated == split else []
        if stated:
            members = stated.get(split, [])
            members = [members] if isinstance(members, str) else members
            exact, patterns = set(members), [m for m in members if "*" in m]
            return [n for n in names if n in exact or any(fnmatch(n, p) for p in patterns)]
        if len({self.group_of(n) for n in names}) < MIN_GROUPS_TO_SPLIT:
            return names if split == "train" else []
        if split == "test":
            return []
        return [n for n in names if _is_validation(self.name, self.group_of(n)) == (split == "val")]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        facts = {"sparse": self.sparse, **self._read(name)}
        return Sample(name=name, **facts)


def _is_validation(set_name: str, group: str) -> bool:
    """A fixed tenth of the scenes. Numbered scenes are drawn in blocks: neighbours may show one room."""
    block = str(int(group) // GROUPS_A_BLOCK) if group.isdigit() else group
    return zlib.crc32(f"{set_name}/{block}".encode()) % VALIDATION_SHARE == 0
