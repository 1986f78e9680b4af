# SPDX-License-Identifier: Apache-2.0
"""Street furniture: thin posts, wires, railings and fences, and small things on the pavement."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.shapes import hexahedron

_LIGHTS = ((0.9, 0.1, 0.05), (0.95, 0.6, 0.05), (0.1, 0.8, 0.35))
_BINS = ((0.1, 0.3, 0.15), (0.12, 0.13, 0.14), (0.7, 0.55, 0.05), (0.1, 0.2, 0.45))
_CORNERS = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)])


def lamp_post(b: SceneBuilder) -> None:
    rng = b.rng
    height, reach = rng.uniform(3.5, 9), rng.uniform(0.0, 2.2)
    steel = b.plain(rng.uniform(0.1, 0.6) * np.ones(3), 0.4)
    b.cylinder((0, 0, 0), height, rng.uniform(0.05, 0.1), steel, 10, 0.04)
    b.cylinder((0, 0, 0), 0.5, 0.13, steel, 10)
    if reach > 0.5:
        x = np.linspace(0, 1, 7)
        b.tube(np.column_stack([x * reach, 0 * x, height + 0.5 * np.sin(x * 1.5)]), 0.035, steel, 6)
        b.box((reach, 0, height + 0.48), (0.6, 0.2, 0.12), steel)
    else:
        b.blob((0, 0, height + 0.15), (0.2, 0.2, 0.25), b.plain((0.9, 0.9, 0.85), emission=0.2), detail=8)


def traffic_light(b: SceneBuilder) -> None:
    rng = b.rng
    height, reach = rng.uniform(2.6, 5.5), (rng.uniform(2, 5) if b.chance(0.4) else 0.0)
    steel, case = b.plain((0.25, 0.27, 0.27), 0.3), b.plain((0.05, 0.06, 0.05))
    b.cylinder((0, 0, 0), height, 0.07, steel, 10)
    places = [(0.0, 0.0, height * 0.75)]
    if reach:
        b.rod((0, 0, height), (0, -reach, height + 0.2), 0.05, steel, 7)
        places.append((0, -reach, height - 0.2))
    lit = rng.integers(3)
    for x, y, z in places:
        b.box((x + 0.12, y, z), (0.22, 0.3, 0.95), case)
        for k, rgb in enumerate(_LIGHTS):
            lens = b.plain(np.array(rgb) * (1 if k == lit else 0.25), 0.5, emission=0.9 if k == lit else 0.0)
            b.rod((x + 0.22, y, z + 0.3 - 0.3 * k), (x + 0.26, y, z + 0.3 - 0.3 * k), 0.1, lens, 14)


def sign(b: SceneBuilder) -> None:
    """Traffic sign or street name on a thin pole."""
    rng = b.rng
    height, steel = rng.uniform(2.0, 3.0), b.plain((0.55, 0.56, 0.58), 0.5)
    b.cylinder((0, 0, 0), height, rng.uniform(0.022, 0.04), steel, 8)
    face = b.material("sign", 0, 0.05)
    kind, z = rng.integers(3), height - 0.3
    if kind == 0:
        b.box((0.05, 0, z), (0.02, 0.6, 0.6), face, fit=True)
    elif kind == 1:
        b.rod((0.04, 0, z), (0.06, 0, z), 0.32, b.plain((0.85, 0.85, 0.85)), 24)
        b.rod((0.055, 0, z), (0.065, 0, z), 0.25, b.plain(b.pick([(0.8, 0.05, 0.05), (0.1, 0.25, 0.7)])), 24)
    else:
        b.box((0.04, 0, height - 0.2), (0.02, rng.uniform(0.8, 1.8), rng.uniform(0.2, 0.9)), face, fit=True)


def _utility_pole(b: SceneBuilder, height: float) -> list[tuple[float, float, float]]:
    """Wooden pole with a cross arm; returns the ends of wires in the pole's own frame."""
    wood = b.material("bark", 1.5, 0.2, (0.6, 0.55, 0.5))
    b.cylinder((0, 0, 0), height, 0.14, wood, 10, 0.1)
    b.box((0, 0, height - 0.4), (0.12, 2.0, 0.12), wood)
    if b.chance(0.4):
        b.cylinder((0.3, 0, height - 2.2), 0.9, 0.25, b.plain((0.5, 0.52, 0.53)), 12)
    across = (-0.9, -0.4, 0.4, 0.9)
    for y in across:
        b.cylinder((0, y, height - 0.34), 0.14, 0.04, b.plain((0.35, 0.25, 0.2)), 6)
    return [(0, y, height - 0.2) for y in across]


def power_line(b: SceneBuilder, places, height: float, wire, sag: tuple[float, float], yaw: float = 0.0):
    """Utility poles at (3,) places with wires between; yields the wires' ends at each; None is a gap."""
    c, s = np.cos(yaw), np.sin(yaw)
    before: list[np.ndarray] = []
    for place in places:
        hooks: list[np.ndarray] = []
        if place is not None:
            with b.at(place, yaw):
                ends = _utility_pole(b, height)
            hooks = [place + (c * x - s * y, s * x + c * y, z) for x, y, z in ends]
            for p, q in zip(before, hooks):
                b.wire(p, q, b.rng.uniform(*sag), 0.012, wire)
            yield hooks
        before = hooks


def railing(b: SceneBuilder, length: float, height: float = 1.0) -> None:
    """Steel railing along x: posts, rails, thin bars."""
    rng = b.rng
    steel = b.plain(rng.uniform(0.08, 0.8) * np.ones(3), 0.3)
    round_ = b.chance(0.5)
    for z in (height, rng.uniform(0.1, 0.5) * height):
        b.rod((-length / 2, 0, z), (length / 2, 0, z), 0.022, steel, 6)
    for x in np.linspace(-length / 2, length / 2, max(2, int(length / 1.8) + 1)):
        b.box((x, 0, height / 2), (0.05, 0.05, height), steel)
    gap = rng.uniform(0.1, 0.3)
    for x in np.arange(-length / 2 + gap, length / 2, gap):
        if round_:
            b.cylinder((x, 0, 0.1), height - 0.1, 0.009, steel, 5)
        else:
            b.box((x, 0, height / 2 + 0.03), (0.015, 0.03, height - 0.12), steel)


def fence(b: SceneBuilder, length: float | None = None) -> None:
    """Wooden, wire or picket fence along x, feet on z = 0."""
    rng = b.rng
    length = length or rng.uniform(4, 14)
    height, kind = rng.uniform(0.8, 1.9), rng.integers(4)
    wood = b.material("wood", 1.5, 0.3, rng.uniform(0.6, 1.0) * np.ones(3))
    for x in np.linspace(-length / 2, length / 2, max(2, int(length / 2.2) + 1)):
        b.block((x, 0.05, 0), (0.1, 0.1, height + 0.05), wood)
    if kind == 0:  # rails
        for z in np.linspace(0.25, 0.92, int(rng.integers(2, 5))) * height:
            b.box((0, 0, z), (length, 0.035, 0.1), wood)
    elif kind == 1:  # pickets
        step = rng.uniform(0.1, 0.2)
        b.boxes(wood, *(((0, 0.03, z), (length, 0.03, 0.07)) for z in (0.25 * height, 0.8 * height)))
        for x in np.arange(-length / 2, length / 2, step):
            b.block((x, 0, 0.05), (step * rng.uniform(0.5, 0.8), 0.02, height * rng.uniform(0.93, 1.0)), wood)
    elif kind == 2:  # strands of wire
        wire = b.plain((0.45, 0.45, 0.45), 0.4)
        for z in np.linspace(0.15, 0.97, 5) * height:
            b.rod((-length / 2, 0, z), (length / 2, 0, z), 0.004, wire, 4)
    else:  # mesh
        wire = b.plain(rng.uniform(0.1, 0.6) * np.array([0.8, 1, 0.8]), 0.3)
        for x in np.arange(-length / 2, length / 2, 0.2):
            b.rod((x, 0, 0.05), (x, 0, height), 0.0045, wire, 4)
        for z in np.arange(0.1, height, 0.2):
            b.rod((-length / 2, 0, z), (length / 2, 0, z), 0.0045, wire, 4)


def bollard(b: SceneBuilder) -> None:
    b.cylinder((0, 0, 0), b.rng.uniform(0.6, 1.1), b.rng.uniform(0.05, 0.12), b.plain(), 12)


def bin_(b: SceneBuilder) -> None:
    """Wheeled bin or litter bin."""
    rng = b.rng
    paint = b.plain(b.pick(_BINS), 0.2)
    if b.chance(0.6):
        w, d, h = rng.uniform(0.45, 1.2), rng.uniform(0.5, 0.8), rng.uniform(0.8, 1.2)
        for low, z0, high, z1 in (((0.8, 0.85), 0.08, (1, 1), h), ((1.05, 1.05), h, (0.9, 0.95), h + 0.1)):
            bottom, top = (_CORNERS * (d * sd, w * sw, 0) + (0, 0, z) for (sd, sw), z in ((low, z0), (high, z1)))
            b.add(hexahedron(bottom, top), paint)
    else:
        b.cylinder((0, 0, 0), rng.uniform(0.7, 1.0), 0.25, paint, 16)


def bench(b: SceneBuilder) -> None:
    wood, steel = b.material("wood", 1.0), b.plain((0.15, 0.15, 0.15), 0.3)
    for y in (-0.7, 0.7):
        b.block((0, y, 0), (0.45, 0.05, 0.42), steel)
        b.box((-0.24, y, 0.62), (0.04, 0.05, 0.5), steel)
    b.boxes(wood, *(((x, 0, 0.45), (0.11, 1.7, 0.035)) for x in (-0.16, -0.02, 0.12)))
    b.boxes(wood, *(((-0.22, 0, z), (0.03, 1.7, 0.11)) for z in (0.62, 0.78)))


def cone(b: SceneBuilder) -> None:
    orange = b.plain((0.95, 0.35, 0.05))
    b.block((0, 0, 0), (0.38, 0.38, 0.03), orange)
    b.cylinder((0, 0, 0.03), 0.3, 0.14, orange, 14, 0.09)
    b.cylinder((0, 0, 0.33), 0.14, 0.09, b.plain((0.92, 0.92, 0.92)), 14, 0.06)
    b.cylinder((0, 0, 0.47), 0.2, 0.06, orange, 14, 0.025)
