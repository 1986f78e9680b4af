# SPDX-License-Identifier: Apache-2.0
"""Text of a bench result for a terminal."""

from typing import Any


def table(header: list[str], rows: list[list[Any]]) -> str:
    """Columns of text, the first left-aligned, the others right-aligned."""
    cells = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in cells
    )


def as_text(result: dict[str, Any]) -> str:
    """All parts that the result has."""
    parts = [_setting(result["setting"])]
    if "times" in result:
        parts.append(_times(result["times"]))
    if "arithmetic" in result:
        parts.append(_arithmetic(result["arithmetic"]))
    if "naive" in result:
        parts.append(_naive(result["naive"]))
    if "profile" in result:
        rows = [[e["operator"], e["calls"], f"{e['ms']:.1f}", f"{e['share']:.1%}"] for e in result["profile"]]
        parts.append("slowest operators (own time)\n" + table(["operator", "calls", "ms", "share"], rows))
    return "\n\n".join(parts)


def _setting(setting: dict[str, Any]) -> str:
    return (
        f"{setting['weights']} ({setting['variant']}), {setting['what']}, {setting['device']} "
        f"({setting['machine']}, {setting['threads']} threads), {setting['precision']}, "
        f"{setting['runtime']}, torch {setting['torch']}"
    )


def _times(times: dict[str, Any]) -> str:
    rows = [[stage, *(f"{value:.1f}" for value in values.values())] for stage, values in times["stages_ms"].items()]
    memory = ", ".join(f"{name.replace('_', ' ')} {value:.0f} MiB" for name, value in times["peak_memory_mib"].items())
    lines = [table(["ms", "p50", "p90", "p99"], rows), f"{times['frames']} measured; peak memory: {memory}"]
    if "first_frame_ms" in times:
        lines.append(f"first frame {times['first_frame_ms']:.0f} ms")
    return "\n".join(lines)


def _arithmetic(figures: dict[str, Any]) -> str:
    return (
        f"arithmetic: {figures['network_gflop']:.1f} GFLOP at {figures['gflop_per_s']:.0f} GFLOP/s: "
        f"{figures['share_of_peak']:.0%} of this machine's peak of {figures['peak_gflop_per_s']:.0f} GFLOP/s "
        f"(3x3 convolution, {figures['peak_dtype']}, measured in this run)"
    )


def _naive(naive: dict[str, Any]) -> str:
    faults = naive["page_faults"]
    return (
        f"against the naive path ({naive['repeats']} frames of each in turn)\n"
        f"naive {naive['naive_ms']:.1f} ms, engine {naive['engine_ms']:.1f} ms: {naive['ratio']:.2f} times faster "
        f"({naive['cpu_time_ratio']:.2f} by CPU time); page faults {faults['naive']} and {faults['engine']}\n"
        f"largest difference {naive['largest_difference_m']:.2e} m, "
        f"relative {naive['largest_relative_difference']:.2e} "
        f"(99.9th percentile {naive['relative_difference_p99_9']:.2e})"
    )
