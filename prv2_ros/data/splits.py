# SPDX-License-Identifier: Apache-2.0
"""Which frames a split holds: as the set states, or by scene, so that no scene is in two."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch
from typing import Any

VALIDATION_SHARE = 10
GROUPS_A_BLOCK = 16
MIN_GROUPS_TO_SPLIT = 5


def select_names(
    names: Iterable[str],
    *,
    set_name: str,
    split: str | None,
    group_of: Callable[[str], str],
    include: Sequence[str] = ("*",),
    exclude: Sequence[str] = (),
    stated: Any = None,
) -> list[str]:
    """The frames of a split.

    Args:
        names: all frames of the set.
        set_name: the set's name; the draw of scenes depends on it.
        split: None for all; "train", "val", "test".
        group_of: the scene of a frame.
        include, exclude: patterns that a name must, or must not, match.
        stated: the set's own splits: {split: names or patterns}, or the one split that the whole set is.

    Returns:
        Names in their order.
    """
    names = [n for n in names if any(fnmatch(n, p) for p in include) and not any(fnmatch(n, p) for p in exclude)]
    if split is None:
        return names
    if isinstance(stated, str):
        return names if stated == split else []
    if stated:
        members = stated.get(split, [])
        members = [members] if isinstance(members, str) else members
        exact, patterns = set(members), [m for m in members if "*" in m]
        return [n for n in names if n in exact or any(fnmatch(n, p) for p in patterns)]
    if len({group_of(n) for n in names}) < MIN_GROUPS_TO_SPLIT:
        return names if split == "train" else []
    if split == "test":
        return []
    return [n for n in names if is_validation(set_name, group_of(n)) == (split == "val")]


def is_validation(set_name: str, group: str) -> bool:
    """A fixed tenth of the scenes. Numbered groups are drawn in blocks: neighbours may be one room."""
    block = str(int(group) // GROUPS_A_BLOCK) if group.isdigit() else group
    return zlib.crc32(f"{set_name}/{block}".encode()) % VALIDATION_SHARE == 0
