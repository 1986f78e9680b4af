# SPDX-License-Identifier: Apache-2.0
"""One HTML file about a recording with depth: pictures to wipe between, timing over time, a histogram."""

import base64
import html
from dataclasses import dataclass
from string import Template

import cv2
import numpy as np

_CHART = (720, 200)
_MARGIN = (56, 12, 12, 34)  # left, right, top, bottom
_COLOURS = ("#1667c7", "#c7541a", "#2f8f4e", "#7a3fb0", "#8a6d00", "#555555")


@dataclass(frozen=True)
class ReportFrame:
    """Pictures of one moment, all of one size.

    Attributes:
        title: e.g. the stamp.
        layers: (name, (H, W, 3) uint8 RGB) in the order in which they are offered.
        notes: Words beneath.
        scale: (h, W, 3) uint8 RGB, what the colours mean, or None.
    """

    title: str
    layers: list[tuple[str, np.ndarray]]
    notes: str = ""
    scale: np.ndarray | None = None


def render_report(
    *,
    title: str,
    facts: list[tuple[str, str]],
    frames: list[ReportFrame],
    timing: dict[str, list[float]],
    histogram: tuple[np.ndarray, np.ndarray] | None,
) -> str:
    """The page.

    Args:
        title: Of the page.
        facts: (name, value) for the table at the top.
        frames: What can be looked at.
        timing: Milliseconds of each frame by stage, in the order of time; may be empty.
        histogram: (counts (N,), edges (N + 1,) in metres) of the depth, or None.

    Returns:
        HTML that needs no other file.
    """
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in facts)
    figures = "".join(_figure(number, frame) for number, frame in enumerate(frames))
    charts = ""
    if timing and any(timing.values()):
        charts += f"<h2>Time a frame, ms</h2>{_lines(timing)}"
    if histogram is not None and histogram[0].sum() > 0:
        charts += f"<h2>Depth, share of pixels</h2>{_bars(*histogram)}"
    return _PAGE.substitute(title=html.escape(title), rows=rows, figures=figures, charts=charts)


def _figure(number: int, frame: ReportFrame) -> str:
    names = [name for name, _ in frame.layers]
    left, right = names[0], names[-1] if len(names) < 3 else names[2]
    images = "".join(
        f'<img class="layer" data-name="{html.escape(name)}" alt="{html.escape(name)}" src="{_data_uri(picture)}">'
        for name, picture in frame.layers
    )

    def choice(side: str, chosen: str) -> str:
        options = "".join(
            f"<option{' selected' if name == chosen else ''}>{html.escape(name)}</option>" for name in names
        )
        return f'<select class="{side}" aria-label="{side}">{options}</select>'

    scale = "" if frame.scale is None else f'<img class="scale" alt="scale in metres" src="{_data_uri(frame.scale)}">'
    return (
        f'<figure id="frame{number}"><figcaption>{html.escape(frame.title)}</figcaption>'
        f'<div class="wipe">{images}<i class="edge"></i></div>'
        f'<div class="controls">{choice("left", left)}<input type="range" min="0" max="100" value="50" '
        f'aria-label="wipe">{choice("right", right)}</div>{scale}<div class="strip"></div>'
        f"<p>{html.escape(frame.notes)}</p></figure>"
    )


def _data_uri(picture: np.ndarray) -> str:
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _frame_of_chart(x_label: str, y_values: list[tuple[float, str]], y_max: float) -> tuple[str, tuple[float, ...]]:
    width, height = _CHART
    left, right, top, bottom = _MARGIN
    inner = (left, top, width - left - right, height - top - bottom)
    parts = [f'<text x="{left + inner[2] / 2}" y="{height - 4}" text-anchor="middle">{html.escape(x_label)}</text>']
    for value, label in y_values:
        y = top + inner[3] * (1 - value / y_max)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    return "".join(parts), inner


def _lines(series: dict[str, list[float]]) -> str:
    """Polylines of values over the frame's number."""
    top_value = max(max(values) for values in series.values() if values) or 1.0
    base, (left, top, width, height) = _frame_of_chart(
        "frame", [(f * top_value, f"{f * top_value:.0f}") for f in (0, 0.5, 1)], top_value
    )
    parts, legend = [base], []
    for (name, values), colour in zip(series.items(), _COLOURS):
        step = width / max(len(values) - 1, 1)
        points = " ".join(
            f"{left + i * step:.1f},{top + height * (1 - v / top_value):.1f}" for i, v in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(values) == 1:
            x, y = points.split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        legend.append(f'<span style="color:{colour}">{html.escape(name)}</span> median {np.median(values):.0f}')
    return _svg(parts) + f'<p class="legend">{" &nbsp; ".join(legend)}</p>'


def _bars(counts: np.ndarray, edges: np.ndarray) -> str:
    """Bars of equal width on a logarithmic axis of metres."""
    share = counts / counts.sum()
    top_value = float(share.max())
    base, (left, top, width, height) = _frame_of_chart(
        "", [(f * top_value, f"{100 * f * top_value:.1f} %") for f in (0, 0.5, 1)], top_value
    )
    parts, bar = [base], width / len(share)
    for index, value in enumerate(share):
        tall = height * value / top_value
        parts.append(
            f'<rect x="{left + index * bar:.1f}" y="{top + height - tall:.1f}" width="{max(bar - 1, 0.5):.1f}" '
            f'height="{tall:.1f}" fill="{_COLOURS[0]}"/>'
        )
    for index in np.linspace(0, len(share), 7).round().astype(int):
        x = left + index * bar
        parts.append(f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle">{edges[index]:.3g} m</text>')
    return _svg(parts)


def _svg(parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {_CHART[0]} {_CHART[1]}" role="img">{"".join(parts)}</svg>'


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1100px; margin: 2em auto; padding: 0 1em }
th { text-align: left; padding-right: 1.5em; font-weight: 600 } td, th { vertical-align: top }
figure { margin: 2em 0 } figcaption { font-weight: 600; margin-bottom: .4em }
.wipe { position: relative; overflow: hidden; background: #000; line-height: 0 }
.wipe img { width: 100%; display: none } .wipe img.under { display: block }
.wipe img.over { display: block; position: absolute; left: 0; top: 0 }
.edge { position: absolute; top: 0; bottom: 0; width: 2px; background: #fff; box-shadow: 0 0 3px #000 }
.controls { display: flex; gap: 1em; margin-top: .5em } .controls input { flex: 1 }
.scale { width: 100%; margin-top: .5em }
.strip { display: flex; gap: .5em } .strip button { flex: 1; border: 0; padding: 0; background: none; cursor: pointer;
  font: inherit; font-size: 13px } .strip img { width: 100%; display: block }
svg { width: 100%; max-width: 900px; font-size: 12px } .grid { stroke: #ddd } .legend { font-size: 13px }
</style></head><body>
<h1>$title</h1><table>$rows</table>
$figures
$charts
<script>
for (const figure of document.querySelectorAll("figure")) {
  const wipe = figure.querySelector("input"), left = figure.querySelector("select.left");
  const right = figure.querySelector("select.right"), edge = figure.querySelector(".edge");
  const layers = [...figure.querySelectorAll(".layer")];
  const show = () => {
    for (const layer of layers) {
      layer.classList.toggle("under", layer.dataset.name === right.value);
      layer.classList.toggle("over", layer.dataset.name === left.value && left.value !== right.value);
      layer.style.clipPath = layer.classList.contains("over") ? `inset(0 $${100 - wipe.value}% 0 0)` : "none";
    }
    edge.style.left = wipe.value + "%";
  };
  // All of them side by side, small; a click shows one on the right. The pictures are those above, not copies.
  for (const layer of layers) {
    const button = document.createElement("button"), small = document.createElement("img");
    small.src = layer.src;
    small.alt = "";
    button.append(small, layer.dataset.name);
    button.addEventListener("click", () => { right.value = layer.dataset.name; show(); });
    figure.querySelector(".strip").append(button);
  }
  for (const control of [wipe, left, right]) control.addEventListener("input", show);
  show();
}
</script>
</body></html>
""")
