# SPDX-License-Identifier: Apache-2.0
"""Trains and measures every row, seed by seed; finished rows are kept, so an interrupted study can be resumed."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from prv2_ros.data import open_dataset
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.guided_filter import guided_filter
from prv2_ros.engine.timing import FrameTiming
from prv2_ros.errors import DataError
from prv2_ros.evaluation.consistency import engine_consistency
from prv2_ros.evaluation.evaluate import evaluate
from prv2_ros.model.variants import VARIANTS
from prv2_ros.training.comparison.rows import OURS, ROWS, TABLE, TINY, Row
from prv2_ros.training.recipe import Recipe, load_recipe
from prv2_ros.training.studies import GRID, Measurement, read_results, train_once, write_results

logger = logging.getLogger(__name__)


class GuidedCoarse:
    """The coarse depth through a guided filter, in place of an engine.

    Args:
        engine: whose coarse branch is run.
    """

    def __init__(self, engine: DepthEngine):
        self._engine = engine

    def coarse(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> np.ndarray:
        """As the engine's."""
        return self._engine.coarse(rgb, focal_px)

    def __call__(self, rgb: np.ndarray, focal_px: tuple[float, float]) -> tuple[np.ndarray, FrameTiming]:
        start = time.perf_counter()
        depth = guided_filter(self.coarse(rgb, focal_px), rgb)
        return depth, FrameTiming(total_ms=(time.perf_counter() - start) * 1e3)


@dataclass
class Comparison:
    """The quality table.

    Attributes:
        dataset: folder of a data set with the splits train and test.
        out: folder of runs and results.
        seeds: seeds 0 … seeds − 1 are run.
        steps: optimiser steps of each refiner; the coarse branch takes `coarse_steps` once.
        test_frames: at most this many are measured.
        rows: which.
        progress: called with a line before each step.
    """

    dataset: Path
    out: Path
    seeds: int = 3
    steps: int = 600
    coarse_steps: int = 800
    test_frames: int = 24
    rows: tuple[Row, ...] = ROWS
    progress: Callable[[str], None] = logger.info
    results: list[Measurement] = field(default_factory=list)

    def run(self) -> list[Measurement]:
        """Everything that has no result yet; returns all results.

        Raises:
            DataError: `out` holds results of other settings, which no table may mix with these.
        """
        VARIANTS[OURS] = TINY  # so that recipes, weights files and the engine of this process know it by name
        self._load()
        done = {(m.key, m.seed) for m in self.results}
        for seed in range(self.seeds):
            for row in self.rows:
                if (row.key, seed) in done or (row.variant is None and seed):
                    continue  # the coarse branch is one for all seeds
                self.progress(f"{row.title}, seed {seed}")
                self.results.append(self._measure(row, seed))
                self._save()
        return self.results

    def _recipe(self, name: str, seed: int, run: str) -> Recipe:
        folder = self.out / f"seed{seed}" / run
        recipe = load_recipe(name)
        sets = [{"root": "given", "split": "train"}]
        return replace(recipe, seed=seed, roots={"given": str(self.dataset)}, sets=sets, out=str(folder))

    def _coarse(self) -> Path:
        recipe = self._recipe("compare_coarse", 0, "coarse")
        return train_once(replace(recipe, variant=OURS, steps_per_epoch=self.coarse_steps))

    def _weights(self, row: Row, seed: int) -> Path:
        coarse = self._coarse()
        if row.variant is None:
            return coarse
        recipe = self._recipe("compare_refine", seed, row.trained_as or row.key)
        losses = {**recipe.losses, **row.options.get("losses", {})}
        options = {**row.options, "losses": losses}
        recipe = replace(recipe, variant=row.variant, init_coarse=str(coarse), steps_per_epoch=self.steps)
        if row.variant == OURS:
            # The others' fine network has been trained; our encoder has at least seen ImageNet, as in its paper.
            options["init_refiner"] = "imagenet"
        return train_once(replace(recipe, **options))

    def _measure(self, row: Row, seed: int) -> Measurement:
        data = open_dataset(self.dataset, "test")
        indices = np.linspace(0, len(data) - 1, min(self.test_frames, len(data))).round().astype(int)
        weights = self._weights(row, seed)
        engine = DepthEngine.load(weights, precision="fp32", grid=GRID, mode=row.mode, sharpen_edges=False)
        refined = row.variant is not None
        try:
            report = evaluate(
                GuidedCoarse(engine) if row.guided else engine,
                (data[int(index)] for index in indices),
                consistency=partial(engine_consistency, engine) if refined and row.mode == "p16" else None,
            )
        finally:
            engine.close()
        return Measurement(TABLE, row.key, seed, report.refined if refined or row.guided else report.coarse)

    @property
    def settings(self) -> dict[str, object]:
        """What results must share to stand in one table."""
        recipes = [load_recipe(name).as_dict() for name in ("compare_coarse", "compare_refine")]
        frames = {"dataset": self.dataset.name, "test_frames": self.test_frames}
        return {**frames, "steps": self.steps, "coarse_steps": self.coarse_steps, "recipes": recipes}

    def _load(self) -> None:
        if found := read_results(self.out):
            saved, self.results = found
            if saved["settings"] != json.loads(json.dumps(self.settings)):
                raise DataError(f"{self.out}/results.json was measured with other settings: choose another --out")
        self._save()

    def _save(self) -> None:
        write_results(self.out, self.results, self.settings)


def chosen_rows(keys: Iterable[str] | None) -> tuple[Row, ...]:
    """The rows of these keys, in the table's order; None is all.

    Raises:
        DataError: a key is unknown.
    """
    if keys is None:
        return ROWS
    wanted, known = set(keys), {row.key for row in ROWS}
    if wanted - known:
        raise DataError(f"no row {', '.join(sorted(wanted - known))}; known are {', '.join(row.key for row in ROWS)}")
    return tuple(row for row in ROWS if row.key in wanted)
