# SPDX-License-Identifier: Apache-2.0
"""doc/comparison.md: both tables, and where they agree with the papers, worked out from the figures."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prv2_ros.training.comparison.rows import (
    BASE,
    CONSISTENCY_GAIN,
    EXPECTED_ORDER,
    OPTIONS,
    RMSE_LIMIT,
    ROWS,
    SYSTEMS,
    TABLE,
    Row,
)
from prv2_ros.training.studies import Measurement, ratio, spread, values

ENOUGH_SEEDS = 3
METRICS = {"delta1": "δ1", "rel": "REL", "rmse": "RMSE m", "see": "SEE m", "f1": "F1", "consistency": "CE m"}


def write_page(
    path: Path,
    *,
    costs: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    paper_ratios: Mapping[str, float | None],
    results: Sequence[Measurement],
    quality: Mapping[str, Any] | None,
) -> None:
    """Write the Markdown page from whatever has been measured.

    Args:
        path: the page.
        costs: one entry a device: {"setting": ..., "costs": [...]}, the first of the costs being PRV2M's.
        titles, paper_ratios: of the systems whose cost was measured, by their keys.
        results: of the quality table.
        quality: settings of it; None where there is none.
    """
    lines = [
        "# Comparison",
        "",
        "Written by `prv2 compare`. Two separate parts:",
        "",
        "- (a) **Cost**: the published architectures at full size with random weights. Times and memory are real,",
        "  depth is not measured. PatchRefiner V1, PatchFusion and PRV2M run beside ZoeDepth, PRO beside Depth",
        "  Anything V2 L, as in their papers; prv2s is our small network beside its own coarse branch.",
        "- (b) **Quality**: small networks with the same data, steps, learning rate and coarse branch, which also",
        "  initialises the other fine networks (our encoder: ImageNet). No network was tuned. Published weights",
        "  were not available.",
        "",
        "## (a) Cost",
        "",
        *(_costs(costs, titles, paper_ratios) or ["Not measured.", ""]),
        "The references also count the unused classifier of ZoeDepth's backbone, 1,027,048 parameters more for",
        "PatchRefiner V1 (368,809,406) and PatchFusion (432,481,323). Marigold v1-1, not run here, has 949,576,107",
        "parameters (U-Net and VAE) and takes 8.9 TFLOP for four steps at 768x432; its depth is relative (unknown",
        "scale and shift).",
        "",
        "## (b) Quality at small width",
        "",
        *(_quality(results, quality) if results else ["Not measured."]),
        "",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def _costs(
    costs: Sequence[Mapping[str, Any]], titles: Mapping[str, str], paper: Mapping[str, float | None]
) -> list[str]:
    lines = []
    for entry in costs:
        setting, rows = entry["setting"], entry["costs"]
        height, width = setting["size"]
        how = "whole frames" if setting["whole_frames"] else "the coarse stage and one tile, times the number of tiles"
        lines += [
            f"### {setting['device']}",
            "",
            f"A frame of {width}x{height} in 4x4 tiles, {setting['precision']}, {setting['threads']} threads, PyTorch "
            f"{setting['torch']}; {setting['clock']} of {how}, in the plain order of the arithmetic for all.",
            "",
            "| | parameters outside the coarse branch | GFLOP a frame | ms a frame | memory MiB | time / PRV2M | "
            "in the paper | memory / PRV2M |",
            "|---|---|---|---|---|---|---|---|",
        ]
        first = rows[0]
        for row in rows:
            ratio = paper.get(row["key"])
            lines.append(
                f"| {titles.get(row['key'], row['key'])} | {row['parameters']:,} | {row['gflop']:,.0f} | "
                f"{row['ms']:,.0f} | {row['peak_mib']:,.0f} | {row['ms'] / first['ms']:.2f} | "
                f"{'-' if ratio is None else f'{ratio:.2f}'} | {row['peak_mib'] / first['peak_mib']:.2f} |"
            )
        lines.append("")
    return lines


def _quality(results: Sequence[Measurement], quality: Mapping[str, Any] | None) -> list[str]:
    quality = quality or {}
    seeds = max(len(values(results, TABLE, row.key, "rmse")) for row in ROWS)
    return [
        f"Data set `{quality.get('dataset')}`, at most {quality.get('test_frames')} test frames, P4 and P9 of 2x2 "
        f"tiles in place of P16 and P49; {quality.get('steps')} steps of 2 frames with 4 tiles, {seeds} seed(s), "
        f"{quality.get('hardware', 'CPU')}. Mean ± standard deviation over seeds. CE (consistency "
        "error) is the difference of neighbouring tiles in their overlap. The last column has the papers' figures on "
        "UnrealStereo4K, at full size and training, which are not comparable.",
        *(
            []
            if seeds >= ENOUGH_SEEDS
            else ["", f"**With {seeds} seed(s) differences of a few per cent are not significant.**"]
        ),
        "",
        *_table(results, SYSTEMS),
        "",
        "### Order of RMSE, as in the papers?",
        "",
        *_order(results),
        "",
        "### PRO's training of our network",
        "",
        *_table(results, tuple(row for row in SYSTEMS if row.key == BASE) + OPTIONS),
        "",
        *_options(results),
    ]


def _table(results: Sequence[Measurement], rows: Sequence[Row]) -> list[str]:
    with_paper = any(row.paper for row in rows if row.key != BASE)
    extra = ["paper δ1 %, REL, RMSE, SEE"] if with_paper else []
    heads = ["", *METRICS.values(), *extra]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        if not values(results, TABLE, row.key, "rmse"):
            continue
        cells = [row.title, *(spread(values(results, TABLE, row.key, metric).values()) for metric in METRICS)]
        if with_paper:
            cells.append(", ".join(f"{value:g}" for value in row.paper) if row.paper else "-")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _order(results: Sequence[Measurement]) -> list[str]:
    titles, lines = {row.key: row.title for row in ROWS}, []
    for worse, better in EXPECTED_ORDER:
        first, second = (list(values(results, TABLE, key, "rmse").values()) for key in (worse, better))
        if first and second:
            change = statistics.mean(first) - statistics.mean(second)
            verdict = "agrees" if change > 0 else "does not agree"
            lines.append(f"- {titles[worse]} > {titles[better]}: {verdict} (mean difference {change:+.3f} m)")
    return lines or ["- not measured"]


def _options(results: Sequence[Measurement]) -> list[str]:
    lines = []
    for row in OPTIONS:
        consistency, rmse = (ratio(results, TABLE, row.key, BASE, metric) for metric in ("consistency", "rmse"))
        if consistency is not None and rmse is not None:
            reached = consistency <= 1 - CONSISTENCY_GAIN and rmse <= RMSE_LIMIT
            lines.append(
                f"- {row.title}: consistency error {100 * (consistency - 1):+.1f} %, RMSE {100 * (rmse - 1):+.1f} % "
                f"against the same steps without; {'reaches' if reached else 'does not reach'} −15 % at an RMSE "
                "within 2 %"
            )
    return lines or ["- not measured"]
