# SPDX-License-Identifier: Apache-2.0
"""Result of an evaluation: frames, means, a table and JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

COLUMNS = {"delta1": "δ1", "delta2": "δ2", "delta3": "δ3", "rel": "REL", "rmse": "RMSE", "log10": "log10"}
COLUMNS |= {"silog": "SILog", "sq_rel": "SqRel", "see": "SEE", "precision": "P", "recall": "R", "f1": "F1"}
COLUMNS |= {"consistency": "CE"}
UNITS = "RMSE, SqRel, SEE, CE in metres; SILog x100; P, R, F1 of depth edges; - not measured"
NAME_WIDTH = 28
CELL_WIDTH = 8


def mean_of(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the rows that have it."""
    rows = list(rows)
    means = {}
    for name in COLUMNS:
        values = [row[name] for row in rows if not math.isnan(row.get(name, math.nan))]
        if values:
            means[name] = sum(values) / len(values)
    return means


@dataclass(frozen=True)
class BudgetedResult:
    """A frame within a budget: metrics, time, and how many of its tiles were refined."""

    metrics: dict[str, float]
    total_ms: float
    tiles: int
    tiles_total: int


@dataclass(frozen=True)
class FrameResult:
    """One frame: metrics of the coarse branch and of the refined depth, the latter's time, and the budgeted result."""

    name: str
    coarse: dict[str, float]
    refined: dict[str, float]
    total_ms: float
    budgeted: BudgetedResult | None = None


@dataclass
class EvaluationReport:
    """All frames of one evaluation.

    Attributes:
        settings: weights, mode, data set, range, baseline.
        frames: one entry per measured frame.
        skipped: names of frames without valid ground truth.
    """

    settings: dict[str, object]
    frames: list[FrameResult] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def coarse(self) -> dict[str, float]:
        """Mean metrics of the coarse branch."""
        return mean_of(frame.coarse for frame in self.frames)

    @property
    def refined(self) -> dict[str, float]:
        """Mean metrics of the refined depth."""
        return mean_of(frame.refined for frame in self.frames)

    @property
    def budgeted(self) -> dict[str, float]:
        """Mean metrics within the budget; empty without one."""
        return mean_of(frame.budgeted.metrics for frame in self.frames if frame.budgeted)

    def _errors(self) -> tuple[float, float, float, float]:
        """Mean RMSE of coarse, refined and budgeted depth, and the share of the improvement that a budget keeps."""
        coarse, refined, budgeted = (m.get("rmse", math.nan) for m in (self.coarse, self.refined, self.budgeted))
        gain = (coarse - budgeted) / (coarse - refined) if coarse != refined else math.nan
        return coarse, refined, budgeted, gain

    def budget_line(self) -> str:
        """Tiles, time and RMSE within the budget, compared with full refinement."""
        runs = [(frame.budgeted, frame.total_ms) for frame in self.frames if frame.budgeted]
        tiles, every = sum(run.tiles for run, _ in runs), sum(run.tiles_total for run, _ in runs)
        spent = sum(run.total_ms for run, _ in runs) / sum(full_ms for _, full_ms in runs)
        coarse, refined, budgeted, gain = self._errors()
        return (
            f"budget: {tiles / len(runs):.1f} of {every / len(runs):.1f} tiles in {spent:.0%} of the time; RMSE coarse "
            f"{coarse:.3f}, refined {refined:.3f}, within the budget {budgeted:.3f} m: {gain:.0%} of the gain"
        )

    def as_dict(self) -> dict[str, object]:
        """Everything, in types that JSON knows; a metric without a value is null."""

        def plain(metrics: dict[str, float]) -> dict[str, float | None]:
            return {name: None if math.isnan(value) else value for name, value in metrics.items()}

        frames = []
        for frame in self.frames:
            row: dict[str, object] = {
                "name": frame.name,
                "coarse": plain(frame.coarse),
                "refined": plain(frame.refined),
            }
            row["total_ms"] = frame.total_ms
            if frame.budgeted:
                row["budgeted"] = asdict(frame.budgeted) | {"metrics": plain(frame.budgeted.metrics)}
            frames.append(row)
        means = {"coarse": plain(self.coarse), "refined": plain(self.refined)}
        report: dict[str, object] = {"settings": self.settings, "mean": means}
        if self.budgeted:
            means["budgeted"] = plain(self.budgeted)
            report |= plain({"share_of_gain": self._errors()[3]})
        return {**report, "frames": frames, "skipped": self.skipped}

    def table(self, *, per_frame: bool = True) -> str:
        """The report as text: frames if wanted, then the means and the change in percent."""
        lines = [f"{'':{NAME_WIDTH}}{'':8}" + "".join(f"{title:>{CELL_WIDTH}}" for title in COLUMNS.values())]
        for frame in self.frames if per_frame else ():
            lines += [_line(frame.name, "coarse", frame.coarse), _line("", "refined", frame.refined)]
            if frame.budgeted:
                lines.append(_line("", "budget", frame.budgeted.metrics))
        coarse, refined = self.coarse, self.refined
        lines += [_line(f"mean of {len(self.frames)}", "coarse", coarse), _line("", "refined", refined)]
        change = {name: 100.0 * (refined[name] / coarse[name] - 1.0) for name in refined if coarse.get(name)}
        lines.append(_line("", "change %", change, decimals=1))
        if self.budgeted:
            lines += [_line("", "budget", self.budgeted), self.budget_line()]
        if self.skipped:
            lines.append(f"skipped, no valid ground truth: {', '.join(self.skipped)}")
        return "\n".join([*lines, UNITS])


def _line(name: str, branch: str, metrics: dict[str, float], decimals: int | None = None) -> str:
    cells = "".join(f"{_number(metrics.get(column, math.nan), decimals):>{CELL_WIDTH}}" for column in COLUMNS)
    name = name if len(name) < NAME_WIDTH else f"…{name[-(NAME_WIDTH - 2) :]}"
    return f"{name:{NAME_WIDTH}}{branch:8}{cells}"


def _number(value: float, decimals: int | None) -> str:
    if math.isnan(value):
        return "-"
    if decimals is None:
        decimals = 4 if abs(value) < 10 else 2
    return f"{value:.{decimals}f}"
