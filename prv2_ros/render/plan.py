# SPDX-License-Identifier: Apache-2.0
"""Which scenes are rendered: families, seeds and splits, which never share a scene."""

from dataclasses import dataclass
from pathlib import Path

from prv2_ros.errors import DataError
from prv2_ros.render.families import FAMILIES
from prv2_ros.render.textures import FULL_PX

SPLIT_SEEDS = {
    "train": (0, 1_000_000),
    "val": (1_000_000, 1_100_000),
    "test": (1_100_000, 1_200_000),
    "demo": (1_200_000, 1_300_000),
}
"""Scene seeds of each split; disjoint, so that no scene is in two splits."""

SEED_STRIDE = 10_000
"""Largest number of scenes of one `--seed`: S uses S * SEED_STRIDE, S * SEED_STRIDE + 1, ... of its split."""


@dataclass(frozen=True)
class SceneJob:
    """One scene to render: `views` single frames, or a sequence of that many."""

    out: Path
    family: str
    seed: int
    width: int
    height: int
    views: int
    split: str
    sequence: bool = False
    rate_hz: float = 10.0
    jpeg: int | None = None
    texture_px: int = FULL_PX
    samples: int | None = None

    @property
    def stems(self) -> list[str]:
        """File names without suffix, one per frame."""
        return [f"{self.family}_{self.seed:07d}_{k:03d}" for k in range(self.views)]


def plan_scenes(
    out: Path, families: list[str], frames: int, size: tuple[int, int], seed: int, split: str, *, views: int = 4
) -> list[SceneJob]:
    """Jobs for `frames` frames, families in turn, `views` cameras per scene.

    Raises:
        DataError: unknown split, or more scenes than the seed's range has.
    """
    if split not in SPLIT_SEEDS:
        raise DataError(f"no split '{split}'; it is one of {', '.join(SPLIT_SEEDS)}")
    first, end = SPLIT_SEEDS[split]
    jobs, left, number = [], frames, 0
    while left > 0:
        count = min(views, left)
        scene = first + seed * SEED_STRIDE + number
        if not first <= scene < end or number >= SEED_STRIDE:
            raise DataError(
                f"seed {seed} with {frames} frames leaves the {split} seeds {first}..{end - 1} or its {SEED_STRIDE}"
            )
        jobs.append(SceneJob(out, families[number % len(families)], scene, *size, count, split))
        left, number = left - count, number + 1
    return jobs


def family_list(name: str) -> list[str]:
    """Families of a command-line option: names joined by commas, or "mixed" for all; a DataError for others."""
    names = list(FAMILIES) if name == "mixed" else name.split(",")
    for part in names:
        if part not in FAMILIES:
            raise DataError(f"no scene family '{part}'; it is one of {', '.join(FAMILIES)} or mixed")
    return names
