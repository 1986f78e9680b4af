# SPDX-License-Identifier: Apache-2.0
"""Walls with openings, and ceilings."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.props import indoor

THICK_M = 0.18


def pierced_wall(b: SceneBuilder, start, along, length: float, height: float, openings: list, wall, frame) -> None:
    """One wall, seen from inside, as a grid around its openings (u0, u1, low, high, is door)."""
    rng = b.rng
    start, along = np.array([*start, 0.0]), np.array([*along, 0.0])
    inward, yaw = np.array([-along[1], along[0], 0.0]), np.arctan2(along[1], along[0])

    def panel(u0: float, u1: float, z0: float, z1: float) -> None:
        if u1 - u0 > 1e-3 and z1 - z0 > 1e-3:
            for first, second, shift in ((u1, u0, 0.0), (u0, u1, -THICK_M)):
                origin = start + along * first + inward * shift + (0, 0, z0)
                b.quad(origin, along * (second - first), (0, 0, z1 - z0), wall)

    cursor = 0.0
    for u0, u1, low, high, door in openings:
        panel(cursor, u0, 0, height)
        panel(u0, u1, 0, low)
        panel(u0, u1, high, height)
        cursor = u1
        with b.at(start + along * (u0 + u1) / 2 - inward * THICK_M / 2, yaw):
            w = u1 - u0
            for x in (-w / 2, w / 2):
                b.box((x, 0, (low + high) / 2), (0.06, THICK_M + 0.05, high - low), frame)
            b.box((0, 0, high), (w + 0.06, THICK_M + 0.05, 0.06), frame)
            if door:
                _door(b, w, high)
            else:
                _window(b, w, low, high, frame)
    panel(cursor, length, 0, height)
    skirting = np.abs(along) * length + np.abs(inward) * 0.02 + (0, 0, 0.08)
    b.box(start + along * length / 2 + inward * 0.01 + (0, 0, 0.04), skirting, frame)
    u = rng.uniform(0.3, 1.0)
    while u < length - 0.8:
        w, h = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.9)
        clear = all(u + w < o[0] - 0.1 or u > o[1] + 0.1 for o in openings)
        if clear and b.chance(0.55):
            with b.at(start + along * (u + w / 2) + inward * 0.02 + (0, 0, rng.uniform(1.25, 1.8)), yaw):
                _hanging(b, w, h)
        u += w + rng.uniform(0.2, 1.6)
    if b.chance(0.3):  # a radiator
        with b.at(start + along * length * rng.uniform(0.3, 0.7) + inward * 0.1, yaw):
            for x in np.arange(-0.5, 0.5, 0.06):
                b.box((x, 0, 0.42), (0.035, 0.07, 0.55), b.plain((0.9, 0.9, 0.88), 0.3))
    if b.chance(0.4):  # a cable along the wall
        t = np.linspace(0.05, 0.95, 9)
        up = np.column_stack([0 * t, 0 * t, 0.15 + rng.uniform(0, 1.5) + 0.04 * rng.normal(size=9)])
        b.tube(start + along * (t * length)[:, None] + inward * 0.02 + up, 0.006, b.plain((0.1, 0.1, 0.1)), 5)


def _door(b: SceneBuilder, w: float, high: float) -> None:
    """The leaf of a door, closed or open, or none."""
    if not b.chance(0.75):
        return
    turn = b.rng.uniform(-2.4, 0) if b.chance(0.5) else 0.0
    with b.at((-w / 2, 0, 0), turn):
        b.box((w / 2, 0, high / 2), (w * 0.97, 0.04, high * 0.99), b.material("wood", 1.5, 0.2))
        for y in (-0.05, 0.05):
            b.rod((w * 0.85, y, 1.0), (w * 0.97, y, 1.0), 0.01, b.plain((0.7, 0.7, 0.7), 0.9), 6)


def _window(b: SceneBuilder, w: float, low: float, high: float, frame) -> None:
    """Sill, bars, and perhaps a blind or curtains."""
    b.box((0, 0.06, low - 0.02), (w + 0.2, THICK_M + 0.2, 0.05), frame)
    bars = int(b.rng.integers(1, 4))
    for k in range(1, bars):
        b.box((-w / 2 + w * k / bars, 0, (low + high) / 2), (0.05, 0.05, high - low), frame)
    if b.chance(0.5):
        b.box((0, 0, low + (high - low) * b.rng.uniform(0.3, 0.8)), (w, 0.045, 0.045), frame)
    if b.chance(0.3):
        for z in np.arange(low + 0.04, high, 0.06):
            b.box((0, 0.03, z), (w, 0.035, 0.004), b.plain((0.9, 0.9, 0.87)))
    elif b.chance(0.4):
        for side in (-1, 1):
            for k in np.linspace(0, 0.4, 12):
                fold = (side * (w / 2 + 0.15 - k), 0.16 + 0.03 * np.sin(k * 60), 0.05)
                b.cylinder(fold, high, 0.03, b.material("fabric", 0.7, 0.0), 6)


def _hanging(b: SceneBuilder, w: float, h: float) -> None:
    """A picture, a shelf or a clock on a wall."""
    kind = b.rng.random()
    if kind < 0.75:
        b.box((0, 0, 0), (w, 0.03, h), b.material("poster", 0), fit=True)
        if b.chance(0.6):
            for dx, dz in ((-w / 2, 0), (w / 2, 0), (0, h / 2), (0, -h / 2)):
                b.box((dx, 0.01, dz), (0.03 if dx else w, 0.045, h if dx else 0.03), b.plain())
    elif kind < 0.9:
        b.box((0, 0.1, 0), (w, 0.22, 0.025), b.material("wood", 1.0))
        indoor.clutter(b, (0, 0.1, 0.013), w * 0.4, 0.05, int(b.rng.integers(1, 6)), 0.8)
    else:
        b.rod((0, 0, 0), (0, 0.04, 0), min(w, 0.3) / 2, b.plain(), 20)


def ceiling_things(b: SceneBuilder, places: list, size_x: float, size_y: float, height: float) -> None:
    """Lamps, and sometimes beams."""
    rng = b.rng
    kind = rng.integers(4)
    for x, y, _ in places[:: int(rng.integers(1, 4))]:
        if kind == 0:
            b.box((x, y, height - 0.03), (0.6, 0.6, 0.05), b.plain((1, 1, 0.97), emission=0.9))
        elif kind == 1:
            drop = rng.uniform(0.3, 0.9)
            b.cylinder((x, y, height - drop), drop, 0.005, b.plain((0.1, 0.1, 0.1)), 5)
            radius, shade = rng.uniform(0.12, 0.25), b.plain((0.95, 0.9, 0.8), emission=0.4)
            b.cylinder((x, y, height - drop - 0.22), 0.25, radius, shade, 18, 0.06)
        elif kind == 2:
            b.box((x, y, height - 0.06), (1.2, 0.1, 0.08), b.plain((1, 1, 0.97), emission=0.9))
    if b.chance(0.25):
        beam = b.material("wood", 2.0)
        for x in np.arange(0.5, size_x, rng.uniform(0.7, 1.5)):
            b.box((x, size_y / 2, height - 0.09), (0.14, size_y, 0.18), beam)
