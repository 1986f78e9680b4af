# SPDX-License-Identifier: Apache-2.0
"""Furniture and small things of rooms; each has its base on z = 0 and faces along x."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.props.nature import shrub, tuft

_SIGNS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def small_object(b: SceneBuilder, scale: float = 1.0) -> None:
    """Cup, bottle, book stack, carton, bowl, plant, ball or lamp: 5–45 cm."""
    rng = b.rng
    kind, s = rng.integers(8), scale
    colour = b.plain(specular=0.5, shininess=0.6)
    if kind == 0:
        b.cylinder((0, 0, 0), 0.1 * s, 0.042 * s, colour, 14)
        angle = np.linspace(-1.4, 1.4, 7)
        handle = [0.04 * s + 0.03 * s * np.cos(angle), 0 * angle, 0.05 * s + 0.03 * s * np.sin(angle)]
        b.tube(np.column_stack(handle), 0.006 * s, colour, 5)
    elif kind == 1:
        h = rng.uniform(0.18, 0.32) * s
        b.cylinder((0, 0, 0), h * 0.65, 0.036 * s, colour, 14)
        b.cylinder((0, 0, h * 0.65), h * 0.2, 0.036 * s, colour, 14, 0.013 * s)
        b.cylinder((0, 0, h * 0.85), h * 0.15, 0.014 * s, b.plain(), 10)
    elif kind == 2:
        z = 0.0
        for _ in b.some(1, 6):
            t, x = rng.uniform(0.012, 0.05) * s, rng.normal(0, 0.01)
            size = (rng.uniform(0.15, 0.24) * s, rng.uniform(0.12, 0.3) * s, t)
            b.box((x, 0, z + t / 2), size, b.plain(), rng.normal(0, 0.2))
            z += t
    elif kind == 3:
        b.block((0, 0, 0), rng.uniform(0.08, 0.4, 3) * s, b.material("carton", 0), rng.uniform(0, 3), fit=True)
    elif kind == 4:
        b.cylinder((0, 0, 0), 0.07 * s, 0.05 * s, colour, 16, 0.11 * s)
    elif kind == 5:
        potted_plant(b, rng.uniform(0.2, 0.45) * s)
    elif kind == 6:
        r = rng.uniform(0.04, 0.13) * s
        b.blob((0, 0, r), (r, r, r), colour, detail=10)
    else:
        h = rng.uniform(0.25, 0.45) * s
        b.cylinder((0, 0, 0), 0.02, 0.08 * s, colour, 14)
        b.cylinder((0, 0, 0), h, 0.012 * s, colour, 8)
        shade = b.plain((0.95, 0.88, 0.75), emission=rng.uniform(0, 0.7))
        b.cylinder((0, 0, h), 0.16 * s, 0.13 * s, shade, 16, 0.08 * s)


def potted_plant(b: SceneBuilder, height: float | None = None) -> None:
    height = height or b.rng.uniform(0.5, 1.4)
    pot = height * 0.35
    b.cylinder((0, 0, 0), pot, pot * 0.4, b.plain((0.65, 0.35, 0.22)), 14, pot * 0.55)
    with b.at((0, 0, pot)):
        if b.chance(0.5):
            shrub(b, height * 0.7)
        else:
            tuft(b, 50, height * 1.1, height * 0.12)


def clutter(b: SceneBuilder, center, half_x: float, half_y: float, count: int, scale: float = 1.0) -> None:
    """Small objects on a rectangle at height center[2]."""
    for _ in range(count):
        x, y = center[0] + b.rng.uniform(-half_x, half_x), center[1] + b.rng.uniform(-half_y, half_y)
        with b.turned((x, y, center[2])):
            small_object(b, scale)


def table(b: SceneBuilder) -> None:
    rng = b.rng
    w, d, h = rng.uniform(0.6, 1.1), rng.uniform(0.8, 2.2), rng.choice([0.45, 0.74, 0.74, 0.9])
    top, leg = b.material(rng.choice(["wood", "wood", "marble", "planks"]), 1.2, 0.2, specular=0.3), b.plain()
    leg = top if b.chance(0.5) else leg
    b.box((0, 0, h - 0.02), (w, d, 0.04), top)
    if b.chance(0.15):
        b.cylinder((0, 0, 0), h, 0.05, leg, 12)
        b.cylinder((0, 0, 0), 0.04, 0.3, leg, 16)
    else:
        t = rng.uniform(0.03, 0.08)
        for x, y in _SIGNS:
            b.block((x * (w / 2 - t), y * (d / 2 - t), 0), (t, t, h - 0.04), leg)
    clutter(b, (0, 0, h), w * 0.38, d * 0.42, int(rng.integers(0, 7)))
    if b.chance(0.35):
        b.box((-w * 0.2, 0, h + 0.3), (0.03, 0.6, 0.36), b.material("screen", 0), fit=True)
        b.cylinder((-w * 0.2 - 0.03, 0, h), 0.3, 0.02, b.plain((0.1, 0.1, 0.1)), 8)


def chair(b: SceneBuilder) -> None:
    rng = b.rng
    frame = b.material("wood", 0.8) if b.chance(0.6) else b.plain(specular=0.5)
    seat = b.material("fabric", 0.5) if b.chance(0.5) else frame
    w, h, back = rng.uniform(0.38, 0.5), rng.uniform(0.42, 0.5), rng.uniform(0.75, 1.1)
    b.box((0, 0, h), (w, w, 0.04), seat)
    if b.chance(0.25):  # office chair
        b.cylinder((0, 0, 0.08), h - 0.08, 0.03, b.plain((0.1, 0.1, 0.1)), 8)
        for angle in (k * 1.2566 for k in range(5)):
            b.rod((0, 0, 0.1), (np.cos(angle) * 0.3, np.sin(angle) * 0.3, 0.06), 0.02, b.plain((0.1, 0.1, 0.1)), 6)
        b.box((-w / 2, 0, h + 0.35), (0.06, w * 0.95, 0.5), seat)
        return
    t = 0.018
    for x, y in _SIGNS:
        leg_x, leg_y = x * (w / 2 - t), y * (w / 2 - t)
        b.rod((leg_x * 1.08, leg_y * 1.08, 0), (leg_x, leg_y, h), t, frame, 7)
    for y in (-1, 1):
        b.rod((-w / 2 + t, y * (w / 2 - t), h), (-w / 2 - 0.05, y * (w / 2 - t), back), t, frame, 7)
    if b.chance(0.5):
        for z in np.linspace(h + 0.15, back - 0.03, int(rng.integers(2, 5))):
            b.box((-w / 2 - 0.02, 0, z), (0.02, w - 2 * t, 0.05), frame)
    else:
        b.box((-w / 2 - 0.03, 0, (h + back) / 2 + 0.08), (0.03, w - 2 * t, back - h - 0.18), seat)


def sofa(b: SceneBuilder) -> None:
    rng = b.rng
    cloth, w, seats = b.material("fabric", 0.8, 0.2, specular=0.03), rng.uniform(0.85, 1.0), int(rng.integers(1, 4))
    d, h = 0.68 * seats, 0.42
    b.block((0, 0, 0.08), (w, d, 0.24), cloth)
    b.box((-w / 2 + 0.1, 0, 0.5), (0.22, d + 0.3, 0.8), cloth)
    for side in (-1, 1):
        b.block((0, side * (d / 2 + 0.1), 0.08), (w, 0.2, 0.52), cloth)
    for k in range(seats):
        y = (k - (seats - 1) / 2) * 0.68
        b.blob((0.06, y, h - 0.05), (w * 0.43, 0.34, 0.13), cloth, detail=9)
        if b.chance(0.6):
            b.blob((-0.18, y + rng.uniform(-0.1, 0.1), 0.62), (0.1, 0.24, 0.22), b.material("fabric", 0.5), detail=9)


def bed(b: SceneBuilder) -> None:
    w = b.rng.uniform(0.9, 1.8)
    b.block((0, 0, 0.05), (2.0, w, 0.25), b.material("wood", 1.2))
    b.box((-1.02, 0, 0.5), (0.06, w, 1.0), b.material("wood", 1.2))
    b.box((0, 0, 0.4), (1.98, w * 0.97, 0.2), b.plain((0.85, 0.84, 0.82)))
    b.blob((0.25, 0, 0.46), (0.85, w * 0.54, 0.12), b.material("fabric", 0.8), 0.03)
    for y in (-w / 4, w / 4):
        b.blob((-0.72, y, 0.56), (0.2, w * 0.2, 0.09), b.plain((0.9, 0.9, 0.88)), 0.05)


def bookshelf(b: SceneBuilder) -> None:
    rng = b.rng
    d, w, h = rng.uniform(0.24, 0.4), rng.uniform(0.6, 1.6), rng.uniform(0.8, 2.2)
    wood, levels = b.material("wood", 1.2), max(2, int(h / rng.uniform(0.3, 0.42)))
    for y in (-1, 1):
        b.block((0, y * w / 2, 0), (d, 0.025, h), wood)
    if b.chance(0.7):
        b.box((-d / 2, 0, h / 2), (0.015, w, h), wood)
    gap = (h - 0.04) / levels
    for k in range(levels + 1):
        z = 0.02 + k * (h - 0.04) / levels
        b.box((0, 0, z), (d, w, 0.025), wood)
        if k == levels:
            break
        style = rng.random()
        if style < 0.5:
            _books(b, -w / 2 + 0.03, -w / 2, w * rng.uniform(0.3, 0.95), d, z + 0.013, gap)
        elif style < 0.85:
            clutter(b, (0, 0, z + 0.013), d * 0.2, w * 0.4, int(rng.integers(1, 5)), min(1.0, gap * 2.0))


def _books(b: SceneBuilder, y: float, left: float, fill: float, d: float, z: float, gap: float) -> None:
    """A row of books from y, one by one or as one printed face."""
    rng = b.rng
    if not b.chance(0.6):
        b.quad((d * 0.35, y, z), (0, fill, 0), (0, 0, gap * 0.85), b.material("books", 0), fit=True)
        return
    while y < left + fill:
        t, tall = rng.uniform(0.015, 0.055), gap * rng.uniform(0.5, 0.85)
        b.box((0.02, y + t / 2, z + tall / 2), (d * 0.75, t * 0.95, tall), b.plain(), rng.normal(0, 0.03))
        y += t


def cabinet(b: SceneBuilder) -> None:
    rng = b.rng
    d, w, h = rng.uniform(0.4, 0.65), rng.uniform(0.5, 2.0), rng.choice([0.75, 0.85, 1.2, 2.0, 2.2])
    body = b.material(rng.choice(["wood", "plaster", "metal"]), 1.5, 0.15, specular=0.25)
    b.block((0, 0, 0.04), (d, w, h - 0.04), body)
    doors, handle = max(1, round(w / 0.5)), b.plain((0.6, 0.6, 0.6), 0.8)
    for k in range(doors):
        y = (k + 0.5) / doors * w - w / 2
        rows = int(rng.integers(1, 4)) if h < 1.3 else 1
        for j in range(rows):
            z = 0.06 + (j + 0.5) / rows * (h - 0.08)
            b.box((d / 2 + 0.01, y, z), (0.02, w / doors - 0.015, (h - 0.1) / rows - 0.012), body)
            b.rod((d / 2 + 0.045, y - 0.06, z + 0.02), (d / 2 + 0.045, y + 0.06, z + 0.02), 0.007, handle, 6)
    clutter(b, (0, 0, h), d * 0.3, w * 0.42, int(rng.integers(0, 6)))


def floor_lamp(b: SceneBuilder) -> None:
    h, steel = b.rng.uniform(1.3, 1.8), b.plain(specular=0.6)
    b.cylinder((0, 0, 0), 0.03, 0.16, steel, 16)
    b.cylinder((0, 0, 0), h, 0.013, steel, 8)
    b.cylinder((0, 0, h - 0.05), 0.28, 0.2, b.plain((0.95, 0.9, 0.78), emission=b.rng.uniform(0, 0.8)), 18, 0.13)


def stairs(b: SceneBuilder) -> None:
    """Step ladder: thin rungs."""
    steel, h = b.plain(specular=0.6), b.rng.uniform(1.2, 2.4)
    for y in (-0.22, 0.22):
        b.rod((0.35, y, 0), (0, y * 0.7, h), 0.018, steel, 6)
        b.rod((-0.35, y, 0), (0, y * 0.7, h), 0.014, steel, 6)
    for t in np.arange(0.12, 0.98, 0.26 / h):
        b.box((0.35 * (1 - t), 0, t * h), (0.07, 0.44 - 0.13 * t, 0.025), steel)
