# SPDX-License-Identifier: Apache-2.0
"""Both tables as Markdown, with what agrees with the paper and what does not worked out from the figures."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from prv2_ros.training.ablation.rows import ARCHITECTURE, BEST_WINDOW, EXPECTED_ORDER, TRANSFER
from prv2_ros.training.studies import Measurement, ratio, spread, values

COLUMNS = {"rmse": "RMSE m", "delta1": "δ1", "rel": "REL", "silog": "SILog", "see": "SEE m", "f1": "F1"}
F1_GAIN = 1.10
RMSE_LIMIT = 1.02


def write_report(path: Path, results: Sequence[Measurement], settings: Sequence[str]) -> None:
    """Write the Markdown page.

    Args:
        path: the page.
        results: as `Study.run` gives them.
        settings: sentences about how the figures came to be.
    """
    lines = [
        "# Ablation",
        "",
        "Written by `prv2 ablate`. " + " ".join(settings),
        "",
        "Mean ± standard deviation over seeds. The rows are the paper's; its own RMSE (PRV2M, UnrealStereo4K) stands",
        "beside them. Every row has the same schedule, data order and learning rates; none was tuned alone.",
        "Depth is measured as the network draws it, without sharpened edges.",
        "",
        "## Architecture and training",
        "",
        "The synthetic domain is rendered drives through rooms and warehouses; the test frames lie between the",
        "training frames of the same drives, so that a coarse branch that has never met the place is not most of the",
        "error. That branch, trained from an ImageNet encoder, is the same for all rows; end to end it trains on.",
        "A row whose F1 is no more than the coarse branch's had not begun to refine when the short schedule ended:",
        "where it stands says how soon its refiner learns, not how far it would come.",
        "",
        *_table(results, "architecture", [(r.key, r.title, f"{r.paper_rmse:.3f}") for r in ARCHITECTURE], "paper RMSE"),
        "",
        "### Order of RMSE, as in the paper?",
        "",
        *_order(results),
        "",
        "## Local SSIGM in real-domain transfer",
        "",
        "From the row with noisy pre-training to another domain: other scenes, textures and lights, another sensor,",
        "and ground truth as a stereo matcher gives it (that of Cityscapes, the paper's real domain, is such): 13 % of",
        "the pixels, noisy, near objects wider by the matching window, thin ones lost. Measured on exact depth of",
        "every pixel, in scenes that were not trained on.",
        "",
        *_table(results, "transfer", [(r.key, r.title, "") for r in TRANSFER], ""),
        "",
        "### Does local SSIGM sharpen edges at the same accuracy?",
        "",
        *_ssigm(results),
        "",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def _table(
    results: Sequence[Measurement], table: str, rows: Sequence[tuple[str, str, str]], extra_title: str
) -> list[str]:
    titles = ["", *([extra_title] if extra_title else []), *COLUMNS.values(), "seeds"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for key, title, extra in rows:
        seeds = values(results, table, key, "rmse")
        if not seeds:
            continue
        cells = [title, *([extra] if extra_title else [])]
        cells += [spread(values(results, table, key, metric).values()) for metric in COLUMNS]
        lines.append(f"| {' | '.join([*cells, str(len(seeds))])} |")
    return lines


def _order(results: Sequence[Measurement]) -> list[str]:
    titles = {row.key: row.title for row in ARCHITECTURE}
    lines = []
    for worse, better in EXPECTED_ORDER:
        first, second = (values(results, "architecture", key, "rmse") for key in (worse, better))
        seeds = sorted(first.keys() & second.keys())
        if not seeds:
            continue
        change = statistics.mean(first[s] for s in seeds) - statistics.mean(second[s] for s in seeds)
        held = sum(first[s] > second[s] for s in seeds)
        verdict = "agrees" if change > 0 else "does not agree"
        lines.append(
            f"- {titles[worse]} > {titles[better]}: {verdict} (mean difference {change:+.3f} m, "
            f"in {held} of {len(seeds)} seeds)"
        )
    return lines or ["- not measured"]


def _ssigm(results: Sequence[Measurement]) -> list[str]:
    lines = []
    for row in TRANSFER:
        if not row.losses or not row.losses["windows"]:
            continue
        f1, rmse = (ratio(results, "transfer", row.key, "none", metric) for metric in ("f1", "rmse"))
        if f1 is None:
            continue
        verdict = "reaches" if f1 >= F1_GAIN and rmse <= RMSE_LIMIT else "does not reach"
        lines.append(
            f"- {row.title}: boundary F1 {100 * (f1 - 1):+.1f} %, RMSE {100 * (rmse - 1):+.1f} % against the same "
            f"training without it; {verdict} +10 % F1 at an RMSE within 2 %"
        )
    f1, rmse = (ratio(results, "transfer", BEST_WINDOW, "silog", metric) for metric in ("f1", "rmse"))
    if f1 is not None:
        lines.append(
            f"- all of DSD (ranking and local SSIGM, window of the paper): boundary F1 {100 * (f1 - 1):+.1f} %, RMSE "
            f"{100 * (rmse - 1):+.1f} % against SILog alone"
        )
    return lines or ["- not measured"]
