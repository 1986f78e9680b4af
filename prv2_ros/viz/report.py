# SPDX-License-Identifier: Apache-2.0
"""One HTML file about a recording with depth: pictures with a wipe between them, timing over time, a histogram."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from jinja2 import Environment

_LEFT, _TOP, _WIDTH, _HEIGHT = 56, 12, 652, 154  # of the plot, inside an SVG of 720 x 200
_COLOURS = ("#1667c7", "#c7541a", "#2f8f4e", "#7a3fb0", "#8a6d00", "#555555")


@dataclass(frozen=True)
class ReportFrame:
    """Pictures of one moment, all of one size.

    Attributes:
        title: for example the stamp.
        layers: (name, (H, W, 3) uint8 RGB) in the order of the menus.
        notes: text beneath.
        scale: (h, W, 3) uint8 RGB, the scale of the colours, or None.
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
    """HTML that needs no other file.

    Args:
        title: of the page.
        facts: (name, value) for the table at the top.
        frames: the pictures.
        timing: milliseconds of each frame by stage, in the order of time; may be empty.
        histogram: (counts (N,), edges (N + 1,) in metres) of the depth, or None.
    """
    charts = [("Time per frame, ms", _lines(timing))] if any(timing.values()) else []
    if histogram is not None and histogram[0].sum() > 0:
        charts.append(("Depth, share of pixels", _bars(*histogram)))
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    plot = {"left": _LEFT, "right": _LEFT + _WIDTH, "bottom": _TOP + _HEIGHT, "height": _HEIGHT}
    return page.render(title=title, facts=facts, frames=frames, charts=charts, uri=_data_uri, plot=plot)


def _data_uri(picture: np.ndarray) -> str:
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _lines(series: dict[str, list[float]]) -> dict:
    """Polylines of values over the frame's number."""
    top_value = max(max(values) for values in series.values() if values) or 1.0
    lines = []
    for (name, values), colour in zip(series.items(), _COLOURS):
        x = np.linspace(_LEFT, _LEFT + _WIDTH, len(values))
        y = _TOP + _HEIGHT * (1 - np.array(values) / top_value)
        points = [f"{u:.1f},{v:.1f}" for u, v in zip(x, y, strict=True)]
        lines.append({"name": name, "colour": colour, "points": points, "median": f"{np.median(values):.0f}"})
    return {"lines": lines, "grid": [(f, f"{f * top_value:.0f}") for f in (0, 0.5, 1)], "x_label": "frame"}


def _bars(counts: np.ndarray, edges: np.ndarray) -> dict:
    """Bars of equal width on a logarithmic axis of metres."""
    share = counts / counts.sum()
    top_value, bar = float(share.max()), _WIDTH / len(share)
    bars = [(_LEFT + k * bar, max(bar - 1, 0.5), _HEIGHT * value / top_value) for k, value in enumerate(share)]
    ticks = [(_LEFT + k * bar, f"{edges[k]:.3g} m") for k in np.linspace(0, len(share), 7).round().astype(int)]
    grid = [(f, f"{100 * f * top_value:.1f} %") for f in (0, 0.5, 1)]
    return {"bars": bars, "ticks": ticks, "grid": grid, "colour": _COLOURS[0]}


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
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
{% macro menu(side, names, chosen) %}
<select class="{{ side }}" aria-label="{{ side }}">
{% for name in names %}<option{% if name == chosen %} selected{% endif %}>{{ name }}</option>{% endfor %}</select>
{% endmacro %}
<h1>{{ title }}</h1>
<table>{% for name, value in facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</table>
{% for frame in frames %}
{% set names = frame.layers | map("first") | list %}
<figure id="frame{{ loop.index0 }}"><figcaption>{{ frame.title }}</figcaption><div class="wipe">
{% for name, picture in frame.layers %}
<img class="layer" data-name="{{ name }}" alt="{{ name }}" src="{{ uri(picture) }}">
{% endfor %}
<i class="edge"></i></div><div class="controls">
{{ menu("left", names, names[0]) }}<input type="range" min="0" max="100" value="50" aria-label="wipe">
{{ menu("right", names, names[-1] if names | length < 3 else names[2]) }}</div>
{% if frame.scale is not none %}<img class="scale" alt="scale in metres" src="{{ uri(frame.scale) }}">{% endif %}
<div class="strip"></div><p>{{ frame.notes }}</p></figure>
{% endfor %}
{% for heading, chart in charts %}
<h2>{{ heading }}</h2><svg viewBox="0 0 720 200" role="img">
{% for share, label in chart.grid %}{% set y = plot.bottom - plot.height * share %}
<line class="grid" x1="{{ plot.left }}" x2="{{ plot.right }}" y1="{{ y }}" y2="{{ y }}"/>
<text x="{{ plot.left - 6 }}" y="{{ y + 4 }}" text-anchor="end">{{ label }}</text>
{% endfor %}
<text x="{{ (plot.left + plot.right) / 2 }}" y="196" text-anchor="middle">{{ chart.x_label }}</text>
{% for line in chart.lines %}
<polyline points="{{ line.points | join(" ") }}" fill="none" stroke="{{ line.colour }}" stroke-width="1.6"/>
{% if line.points | length == 1 %}{% set x, y = line.points[0].split(",") %}
<circle cx="{{ x }}" cy="{{ y }}" r="3" fill="{{ line.colour }}"/>
{% endif %}{% endfor %}
{% for x, width, tall in chart.bars %}
<rect x="{{ x | round(1) }}" y="{{ (plot.bottom - tall) | round(1) }}" width="{{ width | round(1) }}"
 height="{{ tall | round(1) }}" fill="{{ chart.colour }}"/>
{% endfor %}
{% for x, label in chart.ticks %}
<text x="{{ x }}" y="{{ plot.bottom + 16 }}" text-anchor="middle">{{ label }}</text>
{% endfor %}
</svg>
{% if chart.lines %}
<p class="legend">{% for line in chart.lines %}<span style="color:{{ line.colour }}">{{ line.name }}</span>
 median {{ line.median }}{{ " \u00a0 " if not loop.last }}{% endfor %}</p>
{% endif %}
{% endfor %}
<script>
for (const figure of document.querySelectorAll("figure")) {
  const wipe = figure.querySelector("input"), left = figure.querySelector("select.left");
  const right = figure.querySelector("select.right"), edge = figure.querySelector(".edge");
  const layers = [...figure.querySelectorAll(".layer")];
  const show = () => {
    for (const layer of layers) {
      layer.classList.toggle("under", layer.dataset.name === right.value);
      layer.classList.toggle("over", layer.dataset.name === left.value && left.value !== right.value);
      layer.style.clipPath = layer.classList.contains("over") ? `inset(0 ${100 - wipe.value}% 0 0)` : "none";
    }
    edge.style.left = wipe.value + "%";
  };
  // Small previews side by side; a click selects one for the right side. They reuse the data of the pictures above.
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
"""
