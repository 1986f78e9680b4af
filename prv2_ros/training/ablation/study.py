# SPDX-License-Identifier: Apache-2.0
"""Runs the rows, seed by seed; what is finished is kept, so an interrupted study goes on where it was."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from prv2_ros.data import FolderDataset
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.weights import resolve_weights
from prv2_ros.errors import DataError
from prv2_ros.evaluation import evaluate
from prv2_ros.render.dataset import family_list, plan_scenes, render_set
from prv2_ros.training.ablation.domain import hold_out_views, write_real_domain
from prv2_ros.training.ablation.rows import (
    ARCHITECTURE,
    TRANSFER,
    Measurement,
    Row,
    TransferRow,
    register_variants,
)
from prv2_ros.training.ablation.starts import write_start
from prv2_ros.training.recipe import Recipe, load_recipe
from prv2_ros.training.run import run_recipe

logger = logging.getLogger(__name__)

GRID = (2, 2)
FRAME_SIZE = (768, 512)
SYNTHETIC_FAMILIES = "street,warehouse"
REAL_FAMILIES = "outdoor,room"
DRIVE_FRAMES = 28
DRIVE_RATE_HZ = 10.0
REAL_VIEWS = 4
RENDER_SEED = 9  # scenes that the shipped weights, whose coarse branch the study starts from, were not trained on
TEACHER = "np"


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
        workers: processes that render.
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
        for seed in range(self.seeds):
            for row in self.rows:
                self._measure("architecture", row.key, seed, self.out / "data" / "synthetic", "test", self._row(row))
            for row in self.transfer:
                self._measure("transfer", row.key, seed, self.out / "data" / "real_test", None, self._transfer(row))
        return self.results

    def _data(self) -> None:
        data = self.out / "data"
        self._render(data / "synthetic", SYNTHETIC_FAMILIES, "train", self.frames + self.test_frames, drive=True)
        hold_out_views(data / "synthetic", self.test_frames)
        self._render(data / "real_source", REAL_FAMILIES, "train", self.frames // 2)
        self._render(data / "real_source", REAL_FAMILIES, "test", self.test_frames)
        write_real_domain(data / "real_source", data / "real_train", split="train", sparse=True)
        write_real_domain(data / "real_source", data / "real_test", split="test", sparse=False)

    def _render(self, out: Path, families: str, split: str, frames: int, *, drive: bool = False) -> None:
        views = DRIVE_FRAMES if drive else REAL_VIEWS
        jobs = plan_scenes(out, family_list(families), frames, FRAME_SIZE, RENDER_SEED, split, views=views)
        jobs = [replace(job, sequence=drive, rate_hz=DRIVE_RATE_HZ) for job in jobs]
        done = 0
        for more in render_set(jobs, self.workers):
            done += more
            self.progress(f"{out.name} {split}: {done} of {frames} frames")

    def _recipe(self, name: str, seed: int, run: str) -> Recipe:
        data = self.out / "data"
        recipe = load_recipe(name)
        roots = {"synthetic": str(data / "synthetic"), "real": str(data / "real_train")}
        folder = self.out / f"seed{seed}" / run
        return replace(recipe, seed=seed, roots=roots, cache=str(self.out / "cache"), out=str(folder))

    def _train(self, recipe: Recipe) -> Path:
        weights = Path(recipe.out) / "weights.safetensors"
        if not weights.is_file():
            self.progress(f"training {recipe.out}")
            run_recipe(recipe, fast=self.fast, resume=True)
        return weights

    def _coarse(self, seed: int) -> Path:
        return self._train(replace(self._recipe("ablation_coarse", seed, "coarse"), variant="ablation"))

    def _noisy(self, seed: int, variant: str, start: str) -> Path:
        run = f"noisy-{start}-{variant}"
        recipe = self._recipe("ablation_noisy", seed, run)
        begin = write_start(Path(recipe.out) / "start.safetensors", variant, start, seed=seed)
        return self._train(replace(recipe, variant=variant, init_refiner=str(begin)))

    def _row(self, row: Row) -> Callable[[int], tuple[Path, str]]:
        def weights(seed: int) -> tuple[Path, str]:
            coarse = self._coarse(seed)
            return (coarse, "coarse") if row.variant is None else (self._refine(row, seed, coarse), "refined")

        return weights

    def _refine(self, row: Row, seed: int, coarse: Path) -> Path:
        recipe = self._recipe("ablation_refine", seed, row.key)
        start, noisy = row.start, None
        if start.startswith("noisy"):
            noisy = self._noisy(seed, row.variant, "scratch" if start == "noisy-scratch" else "imagenet")
            start = "noisy" if start == "noisy-scratch" else start
        begin = write_start(Path(recipe.out) / "start.safetensors", row.variant, start, seed=seed, noisy=noisy)
        task = "end_to_end" if row.end_to_end else "refine"
        return self._train(
            replace(recipe, task=task, variant=row.variant, init_coarse=str(coarse), init_refiner=str(begin))
        )

    def _transfer(self, row: TransferRow) -> Callable[[int], tuple[Path, str]]:
        def weights(seed: int) -> tuple[Path, str]:
            teacher = self._refine(next(r for r in ARCHITECTURE if r.key == TEACHER), seed, self._coarse(seed))
            if row.losses is None:
                return teacher, "refined"
            recipe = self._recipe("ablation_transfer", seed, f"transfer-{row.key}")
            start = {"init_coarse": str(teacher), "init_refiner": str(teacher)}
            return self._train(replace(recipe, variant="ablation", losses=row.losses, **start)), "refined"

        return weights

    def _measure(
        self, table: str, key: str, seed: int, data: Path, split: str | None, weights: Callable[[int], tuple[Path, str]]
    ) -> None:
        if any((m.table, m.key, m.seed) == (table, key, seed) for m in self.results):
            return
        begin = time.monotonic()
        path, branch = weights(seed)
        self.progress(f"measuring {table} {key}, seed {seed}")
        engine = DepthEngine.load(path, grid=GRID, precision="fp32")
        try:
            report = evaluate(engine, _samples(FolderDataset(data, split)))
        finally:
            engine.close()
        self.results.append(Measurement(table, key, seed, getattr(report, branch)))
        self.seconds += time.monotonic() - begin
        self._save()

    @property
    def settings(self) -> dict[str, object]:
        """What results must share to stand in one table."""
        recipes = [load_recipe(f"ablation_{name}") for name in ("coarse", "noisy", "refine", "transfer")]
        digest = hashlib.sha256(json.dumps([recipe.as_dict() for recipe in recipes]).encode())
        digest.update(resolve_weights(recipes[0].init_coarse).read_bytes())
        frames = {"frames": self.frames, "test_frames": self.test_frames, "fast": self.fast}
        return {**frames, "recipes_and_start": digest.hexdigest()[:12]}

    def _load(self) -> None:
        file = self.out / "results.json"
        if file.is_file():
            saved = json.loads(file.read_text())
            if saved["settings"] != self.settings:
                raise DataError(
                    f"{file} was measured with {saved['settings']}, not {self.settings}; choose another folder"
                )
            self.results = [Measurement(**entry) for entry in saved["results"]]
            self.seconds = saved["seconds"]
        # before any run, so that one that is interrupted in its first row is known by its settings too
        self.out.mkdir(parents=True, exist_ok=True)
        self._save()

    def _save(self) -> None:
        values = {
            "settings": self.settings,
            "seconds": self.seconds,
            "results": [asdict(entry) for entry in self.results],
        }
        partial = self.out / "results.json.part"
        partial.write_text(json.dumps(values, indent=1))
        partial.replace(self.out / "results.json")


def _samples(dataset: FolderDataset) -> Iterable:
    return (dataset[index] for index in range(len(dataset)))
