# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found: frames, means, a table and JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

COLUMNS = {
    "delta1": "δ1",
    "delta2": "δ2",
    "delta3": "δ3",
    "rel": "REL",
    "rmse": "RMSE",
    "log10": "log10",
    "silog": "SILog",
    "sq_rel": "SqRel",
    "see": "SEE",
    "precision": "P",
    "recall": "R",
    "f1": "F1",
    "consistency": "CE",
}
UNITS = "RMSE, SqRel, SEE, CE in metres; SILog x100; P, R, F1 of depth edges; - not measured"
NAME_WIDTH = 28
CELL_WIDTH = 8


def mean_of(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the rows that have it; a metric that no row has is left out."""
    rows = list(rows)
    means = {}
    for name in COLUMNS:
        values = [row[name] for row in rows if not math.isnan(row.get(name, math.nan))]
        if values:
            means[name] = sum(values) / len(values)
    return means


@dataclass(frozen=True)
class BudgetedResult:
    """The same frame within a budget: metrics, time, and how many of its tiles were refined."""

    metrics: dict[str, float]
    total_ms: float
    tiles: int
    tiles_total: int


@dataclass(frozen=True)
class FrameResult:
    """One frame: metrics of the coarse branch alone and of the refined depth, the refined depth's time, and the same
    within a budget where one was asked for.
    """

    name: str
    coarse: dict[str, float]
    refined: dict[str, float]
    total_ms: float
    budgeted: BudgetedResult | None = None


@dataclass
class EvaluationReport:
    """All frames of one evaluation.

    Attributes:
        settings: what was run on what: weights, mode, data set, range, baseline.
        frames: one entry a measured frame.
        skipped: names of frames without valid ground truth.
    """

    settings: dict[str, object]
    frames: list[FrameResult] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def coarse(self) -> dict[str, float]:
        """Mean over frames of the coarse branch's metrics."""
        return mean_of(frame.coarse for frame in self.frames)

    @property
    def refined(self) -> dict[str, float]:
        """Mean over frames of the refined depth's metrics."""
        return mean_of(frame.refined for frame in self.frames)

    @property
    def budgeted(self) -> dict[str, float]:
        """Mean over frames of the metrics within the budget; empty without one."""
        return mean_of(frame.budgeted.metrics for frame in self.frames if frame.budgeted)

    @property
    def share_of_gain(self) -> float:
        """Of what full refinement takes off the coarse branch's mean RMSE, the share that is left within the budget."""
        coarse, refined, budgeted = (
            metrics.get("rmse", math.nan) for metrics in (self.coarse, self.refined, self.budgeted)
        )
        return (coarse - budgeted) / (coarse - refined) if coarse != refined else math.nan

    def budget_line(self) -> str:
        """Tiles, time and RMSE within the budget against those without."""
        runs = [(frame.budgeted, frame.total_ms) for frame in self.frames if frame.budgeted]
        tiles, every = sum(run.tiles for run, _ in runs), sum(run.tiles_total for run, _ in runs)
        spent = sum(run.total_ms for run, _ in runs) / sum(full_ms for _, full_ms in runs)
        rmse = [metrics.get("rmse", math.nan) for metrics in (self.coarse, self.refined, self.budgeted)]
        return (
            f"budget: {tiles / len(runs):.1f} of {every / len(runs):.1f} tiles in {spent:.0%} of the time; RMSE coarse "
            f"{rmse[0]:.3f}, refined {rmse[1]:.3f}, within the budget {rmse[2]:.3f} m: "
            f"{self.share_of_gain:.0%} of the gain"
        )

    def as_dict(self) -> dict[str, object]:
        """Everything, in types that JSON knows; a metric without a value is null."""

        def plain(metrics: dict[str, float]) -> dict[str, float | None]:
            return {name: None if math.isnan(value) else value for name, value in metrics.items()}

        def row(frame: FrameResult) -> dict[str, object]:
            row = {
                "name": frame.name,
                "coarse": plain(frame.coarse),
                "refined": plain(frame.refined),
                "total_ms": frame.total_ms,
            }
            if frame.budgeted:
                row["budgeted"] = asdict(frame.budgeted) | {"metrics": plain(frame.budgeted.metrics)}
            return row

        means = {"coarse": plain(self.coarse), "refined": plain(self.refined)}
        report: dict[str, object] = {"settings": self.settings, "mean": means}
        if self.budgeted:
            means["budgeted"] = plain(self.budgeted)
            gain = self.share_of_gain
            report["share_of_gain"] = None if gain is None or math.isnan(gain) else gain
        return {**report, "frames": [row(frame) for frame in self.frames], "skipped": self.skipped}

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
            lines.append(f"left out for want of valid ground truth: {', '.join(self.skipped)}")
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
