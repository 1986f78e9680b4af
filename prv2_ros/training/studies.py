# SPDX-License-Identifier: Apache-2.0
"""What the studies share: trainings that are not repeated, and measurements of rows over seeds."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prv2_ros.media.images import write_whole
from prv2_ros.training.recipe import Recipe

GRID = (2, 2)


@dataclass(frozen=True)
class Measurement:
    """Mean metrics of one row of a table and one seed on its test split."""

    table: str
    key: str
    seed: int
    metrics: dict[str, float]


def train_once(recipe: Recipe) -> Path:
    """Weights of a recipe; a finished run is not repeated, an interrupted one is resumed."""
    # Lightning takes seconds to import: reading results and writing pages does without.
    from prv2_ros.training.run import recipe_was_run, run_recipe

    weights = Path(recipe.out) / "weights.safetensors"
    same = recipe_was_run(recipe)
    if not (same and weights.is_file()):
        run_recipe(recipe, resume=same)
    return weights


def read_results(folder: Path) -> tuple[dict[str, Any], list[Measurement]] | None:
    """What `write_results` wrote, or None."""
    file = folder / "results.json"
    if not file.is_file():
        return None
    saved = json.loads(file.read_text())
    return saved, [Measurement(**entry) for entry in saved["results"]]


def write_results(folder: Path, results: Sequence[Measurement], settings: Mapping[str, Any]) -> None:
    """Write results with the settings that all of them share, whole or not at all."""
    values = {"settings": settings, "results": [asdict(entry) for entry in results]}
    write_whole(folder / "results.json", json.dumps(values, indent=1).encode())


def values(results: Sequence[Measurement], table: str, key: str, metric: str) -> dict[int, float]:
    """Seed to value, of the seeds that have it."""
    return {m.seed: m.metrics[metric] for m in results if (m.table, m.key) == (table, key) and metric in m.metrics}


def spread(numbers: Iterable[float]) -> str:
    """Mean ± standard deviation."""
    numbers = list(numbers)
    if not numbers:
        return "-"
    decimals = 3 if max(map(abs, numbers)) < 10 else 2
    deviation = f" ± {statistics.stdev(numbers):.{decimals}f}" if len(numbers) > 1 else ""
    return f"{statistics.mean(numbers):.{decimals}f}{deviation}"


def ratio(results: Sequence[Measurement], table: str, key: str, base: str, metric: str) -> float | None:
    """Mean of a row over that of another, on the seeds that both have."""
    row, other = (values(results, table, k, metric) for k in (key, base))
    seeds = row.keys() & other.keys()
    return statistics.mean(row[s] for s in seeds) / statistics.mean(other[s] for s in seeds) if seeds else None
