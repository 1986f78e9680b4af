# SPDX-License-Identifier: Apache-2.0
"""The study's trainings, each in its own folder; finished ones are not repeated."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from prv2_ros.data import FolderDataset
from prv2_ros.engine import DepthEngine
from prv2_ros.evaluation import evaluate
from prv2_ros.training.ablation.rows import ARCHITECTURE, Row, TransferRow, register_variants
from prv2_ros.training.ablation.starts import write_start
from prv2_ros.training.recipe import Recipe, load_recipe
from prv2_ros.training.studies import GRID, Measurement, train_once

TEACHER = next(row for row in ARCHITECTURE if row.key == "np")


@dataclass(frozen=True)
class Runs:
    """Where the study's data and runs lie.

    Attributes:
        out: folder of data and runs.
        fast: a few steps a run.
    """

    out: Path
    fast: bool = False

    def recipe(self, name: str, seed: int, run: str) -> Recipe:
        """The study's recipe `ablation_{name}` with its data, seed and folder filled in."""
        data = self.out / "data"
        roots = {"synthetic": str(data / "synthetic"), "real": str(data / "real_train")}
        folder = self.out / f"seed{seed}" / run
        recipe = load_recipe(f"ablation_{name}")
        return replace(recipe, seed=seed, roots=roots, cache=str(self.out / "cache"), out=str(folder))

    def _train(self, recipe: Recipe) -> Path:
        return train_once(recipe, fast=self.fast)

    def coarse(self) -> Path:
        """The coarse branch: one for all seeds, as the paper has one ZoeDepth."""
        return self._train(replace(self.recipe("coarse", 0, "coarse"), variant="ablation"))

    def noisy(self, row: Row, seed: int) -> Path:
        """The noisy pre-training that a row starts from."""
        recipe = self.recipe("noisy", seed, row.pre_training)
        begin = write_start(Path(recipe.out) / "start.safetensors", row.variant, row.pre_training_start, seed=seed)
        return self._train(replace(recipe, variant=row.variant, init_refiner=str(begin)))

    def architecture(self, row: Row, seed: int) -> Path:
        """Weights of a row of the architecture table."""
        coarse = self.coarse()
        if row.variant is None:
            return coarse
        recipe = self.recipe("refine", seed, row.key)
        start = "noisy" if row.start == "noisy-scratch" else row.start
        noisy = self.noisy(row, seed) if start.startswith("noisy") else None
        begin = write_start(Path(recipe.out) / "start.safetensors", row.variant, start, seed=seed, noisy=noisy)
        task = "end_to_end" if row.end_to_end else "refine"
        starts = {"init_coarse": str(coarse), "init_refiner": str(begin)}
        return self._train(replace(recipe, task=task, variant=row.variant, **starts))

    def transfer(self, row: TransferRow, seed: int) -> Path:
        """Weights of a row of the transfer table."""
        teacher = self.architecture(TEACHER, seed)
        if row.losses is None:
            return teacher
        recipe = self.recipe("transfer", seed, f"transfer-{row.key}")
        starts = {"init_coarse": str(teacher), "init_refiner": str(teacher)}
        return self._train(replace(recipe, variant=TEACHER.variant, losses=row.losses, **starts))


@dataclass(frozen=True)
class Job:
    """A training and what is measured of it: `table` is "noisy" (nothing), "architecture" or "transfer"."""

    table: str
    row: Row | TransferRow
    seed: int

    def __str__(self) -> str:
        return f"{self.table} {self.row.key}, seed {self.seed}"

    def run(self, runs: Runs) -> Measurement | None:
        """Train unless that is done, and measure on the table's test split."""
        weights = getattr(runs, self.table)(self.row, self.seed)
        if self.table == "noisy":
            return None
        real = self.table == "transfer"
        data = FolderDataset(runs.out / "data" / ("real_test" if real else "synthetic"), None if real else "test")
        engine = DepthEngine.load(weights, grid=GRID, precision="fp32", sharpen_edges=False)
        try:
            report = evaluate(engine, _samples(data))
        finally:
            engine.close()
        coarse_only = isinstance(self.row, Row) and self.row.variant is None
        metrics = report.coarse if coarse_only else report.refined
        return Measurement(self.table, self.row.key, self.seed, metrics)


def _samples(dataset: FolderDataset) -> Iterable:
    return (dataset[index] for index in range(len(dataset)))


def _start_process(threads: int) -> None:
    register_variants()
    torch.set_num_threads(threads)


def in_processes(jobs: list[Job], runs: Runs, count: int) -> Iterator[tuple[Job, Measurement | None]]:
    """Run independent jobs, `count` at a time in processes that share the cores; gives each as it is done."""
    if count <= 1 or len(jobs) == 1:
        for job in jobs:
            yield job, job.run(runs)
        return
    count = min(count, len(jobs))
    threads = max(1, (os.cpu_count() or 1) // count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start_process, initargs=(threads,)) as pool:
        futures = {pool.submit(job.run, runs): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)
