# SPDX-License-Identifier: Apache-2.0
"""Runs the rows, seed by seed; finished rows are kept, so an interrupted study can be resumed."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from prv2_ros.errors import DataError
from prv2_ros.render.dataset import render_set
from prv2_ros.render.plan import family_list, plan_scenes
from prv2_ros.training.ablation.domain import hold_out_views, write_real_domain
from prv2_ros.training.ablation.rows import (
    ARCHITECTURE,
    TRANSFER,
    Row,
    TransferRow,
    register_variants,
)
from prv2_ros.training.ablation.runs import TEACHER, Job, Runs, in_processes
from prv2_ros.training.batches import open_sets
from prv2_ros.training.recipe import Recipe, load_recipe
from prv2_ros.training.studies import Measurement, read_results, write_results

logger = logging.getLogger(__name__)

FRAME_SIZE = (384, 256)
FAMILIES = "room,warehouse"  # outdoors a few far pixels are most of the RMSE, and hide what a refiner does
DRIVE_FRAMES = 28
DRIVE_RATE_HZ = 10.0
REAL_VIEWS = 4
SYNTHETIC_SEED = 9
REAL_SEED = 8
TRANSFER_RECIPE = "transfer_recipe"


def _digest(recipes: list[Recipe]) -> str:
    values = json.dumps([recipe.as_dict() for recipe in recipes]).encode()
    return hashlib.sha256(values).hexdigest()[:12]


@dataclass
class Study:
    """Both tables.

    Attributes:
        out: folder of data, runs and results.
        seeds: seeds 0 … seeds − 1 are run.
        frames: rendered training frames of the synthetic domain; the real one has half as many.
        test_frames: of either domain.
        fast: a few steps a run, to see that everything fits together; the figures mean nothing.
        rows, transfer: which rows; a teacher that is missing is trained all the same.
        workers: processes that render, train and measure.
        progress: called with a line before each step.
    """

    out: Path
    seeds: int = 3
    frames: int = 200
    test_frames: int = 24
    fast: bool = False
    rows: tuple[Row, ...] = ARCHITECTURE
    transfer: tuple[TransferRow, ...] = TRANSFER
    workers: int = 2
    progress: Callable[[str], None] = logger.info
    results: list[Measurement] = field(default_factory=list)
    seconds: float = 0.0

    def run(self) -> list[Measurement]:
        """Everything that has no result yet; returns all results.

        Raises:
            DataError: `out` holds results of other settings, which no table may mix with these.
        """
        register_variants()
        self._load()
        self._data()
        for stage in self._stages():
            self._work(stage)
        return self.results

    def _stages(self) -> Iterator[list[Job]]:
        """Lists of jobs without a result that need nothing of one another, only of the lists before."""
        done = {(m.table, m.key, m.seed) for m in self.results}

        def jobs(table: str, rows: Iterable[Row | TransferRow]) -> list[Job]:
            every = [Job(table, row, seed) for seed in range(self.seeds) for row in rows]
            return [job for job in every if (job.table, job.row.key, job.seed) not in done]

        taught_by = (TEACHER,) if self.transfer and TEACHER not in self.rows else ()
        architecture = jobs("architecture", self.rows + taught_by)
        noisy = {(job.row.pre_training, job.seed): job.row for job in architecture if job.row.pre_training}
        yield [Job("noisy", row, seed) for (_, seed), row in noisy.items()]
        yield architecture
        yield jobs("transfer", self.transfer)

    def _data(self) -> None:
        data = self.out / "data"
        self._render(data / "synthetic", SYNTHETIC_SEED, "train", self.frames + self.test_frames, drive=True)
        hold_out_views(data / "synthetic", self.test_frames)
        self._render(data / "real_source", REAL_SEED, "train", self.frames // 2)
        self._render(data / "real_source", REAL_SEED, "test", self.test_frames)
        write_real_domain(data / "real_source", data / "real_train", split="train", sparse=True)
        write_real_domain(data / "real_source", data / "real_test", split="test", sparse=False)
        for name in ("refine", "transfer"):  # their caches, before several processes would write them at once
            recipe = Runs(self.out).recipe(name, 0, "")
            open_sets(recipe, recipe.sets)

    def _render(self, out: Path, seed: int, split: str, frames: int, *, drive: bool = False) -> None:
        views = DRIVE_FRAMES if drive else REAL_VIEWS
        jobs = plan_scenes(out, family_list(FAMILIES), frames, FRAME_SIZE, seed, split, views=views)
        jobs = [replace(job, sequence=drive, rate_hz=DRIVE_RATE_HZ) for job in jobs]
        done = 0
        for more in render_set(jobs, self.workers):
            done += more
            self.progress(f"{out.name} {split}: {done} of {frames} frames")

    def _work(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        runs = Runs(self.out, fast=self.fast)
        self.progress(f"{len(jobs)} runs: {jobs[0].table}")
        begin = time.monotonic()
        runs.coarse()
        for number, (job, measured) in enumerate(in_processes(jobs, runs, self.workers), 1):
            if measured is not None:
                self.results.append(measured)
            now = time.monotonic()
            self.seconds, begin = self.seconds + now - begin, now
            self._save()
            self.progress(f"{number} of {len(jobs)}: {job}")

    @property
    def settings(self) -> dict[str, object]:
        """What results must share to stand on one page; `TRANSFER_RECIPE` matters to the transfer table alone."""
        recipes = [load_recipe(f"ablation_{name}") for name in ("coarse", "noisy", "refine")]
        frames = {"frames": self.frames, "test_frames": self.test_frames, "fast": self.fast}
        return {
            **frames,
            "recipes": _digest(recipes),
            TRANSFER_RECIPE: _digest([load_recipe("ablation_transfer")]),
        }

    def _load(self) -> None:
        if found := read_results(self.out):
            saved, self.results = found
            differing = {key for key, value in self.settings.items() if saved["settings"].get(key) != value}
            if differing - {TRANSFER_RECIPE}:
                raise DataError(
                    f"{self.out}/results.json was measured with {saved['settings']}, not {self.settings}; choose "
                    "another folder"
                )
            self.seconds = saved["seconds"]
            if differing:
                self.results = [m for m in self.results if m.table != "transfer"]
                self.progress("the transfer recipe has changed: only the rows of the architecture table are kept")
        # before any run, so that one that is interrupted in its first row is known by its settings too
        self._save()

    def _save(self) -> None:
        write_results(self.out, self.results, self.settings, seconds=self.seconds)
