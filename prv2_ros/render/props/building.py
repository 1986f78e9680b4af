# SPDX-License-Identifier: Apache-2.0
"""Buildings: town houses with modelled or printed fronts, and barns."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.props.street import railing
from prv2_ros.render.shapes import frustum


def house(b: SceneBuilder, x: float, wide: float, side: int, inner: float, kerb: float) -> None:
    """House from x to x + wide whose front is at y = side * inner and faces the road at y = 0; `kerb` is the ground's
    height. Windows, doors and balconies are modelled, or printed on the wall above a shop."""
    rng = b.rng
    storey, storeys, deep = rng.uniform(2.7, 3.6), int(rng.integers(1, 7)), rng.uniform(8, 14)
    height = storey * storeys
    printed = b.chance(0.45)
    if printed:
        wall = b.material("facade", storey * 4, 0.2)
    else:
        wall = b.material(rng.choice(["plaster", "brick", "concrete", "stone"]), rng.uniform(1.5, 3), 0.2)
    y = side * (inner + deep / 2)
    b.block((x + wide / 2, y, kerb - 0.3), (wide, deep, height + 0.3), wall)
    glass = b.material("glass", rng.uniform(1.5, 4), specular=0.8, shininess=0.9)
    frame = b.plain(rng.uniform(0.1, 0.95) * np.ones(3))
    sill = b.material("concrete", 1.0)

    def y_of(out: float) -> float:
        """y of what is `out` metres in front of the wall."""
        return side * inner - side * out

    def front(cx: float, out: float, z: float, size, material, fit: bool = False) -> None:
        b.box((cx, y_of(out), z), size, material, fit=fit)

    if not printed:
        _windows(b, front, y_of, (x, wide), (storey, storeys, kerb), (glass, frame, sill))
    elif b.chance(0.7):  # a shop under the printed storeys
        front(x + wide / 2, 0.03, kerb + 1.4, (wide * 0.9, 0.1, 2.5), glass)
        for k in np.linspace(0.05, 0.95, max(2, int(wide / 2.5))):
            front(x + wide * k, 0.07, kerb + 1.4, (0.12, 0.12, 2.6), frame)
        front(x + wide / 2, 0.12, kerb + 2.95, (wide * 0.6, 0.2, 0.6), b.material("sign", 0), True)
        if b.chance(0.5):
            front(x + wide / 2, 0.6, kerb + 2.55, (wide * 0.85, 1.2, 0.06), b.material("fabric", 1.0))
    if b.chance(0.6):
        front(x + wide / 2, 0.12, kerb + height - 0.1, (wide + 0.1, 0.4, rng.uniform(0.15, 0.5)), sill)
    if b.chance(0.5):
        b.cylinder((x + 0.3, y_of(0.08), kerb), height, 0.05, b.plain((0.4, 0.4, 0.4)), 8)
    if storeys <= 3 and b.chance(0.8):
        ridge = rng.uniform(1.5, 3.5)
        roof = frustum((x + wide / 2, y, kerb + height), (wide + 0.7, deep + 0.8), (wide + 0.7, 0.3), ridge)
        b.add(roof, b.material("brick", 2.0, rgb=(0.6, 0.4, 0.35)))
        b.block((x + wide * 0.7, y + deep * 0.2, kerb + height), (0.6, 0.6, 3.0), b.material("brick", 1.5))
    else:
        for _ in b.some(0, 4):
            place = (x + rng.uniform(0.1, 0.9) * wide, y, kerb + height)
            b.block(place, (rng.uniform(0.5, 3), 2, rng.uniform(0.5, 2.5)), sill)


def _windows(b: SceneBuilder, front, y_of, span, floors, materials) -> None:
    """Columns of windows with frames, sills and perhaps balconies, and doors on the ground floor."""
    rng = b.rng
    (x, wide), (storey, storeys, kerb), (glass, frame, sill) = span, floors, materials
    columns = max(1, int(wide / rng.uniform(2.0, 3.4)))
    w, h = wide / columns * rng.uniform(0.4, 0.7), storey * rng.uniform(0.42, 0.62)
    balconies = b.chance(0.3)
    for i, j in np.ndindex(columns, storeys):
        cx, cz = x + (i + 0.5) * wide / columns, kerb + (j + 0.55) * storey
        if j == 0 and b.chance(0.25):
            door = b.material("wood", 1.0, 0.4) if b.chance(0.6) else b.plain(specular=0.3)
            front(cx, 0.02, kerb + 1.05, (1.0, 0.1, 2.1), door)
            front(cx, 0.25, kerb + 0.08, (1.3, 0.6, 0.16), sill)
            continue
        front(cx, 0.015, cz, (w, 0.05, h), frame)
        for part in (-1, 1):
            front(cx + part * w * 0.235, 0.035, cz, (w * 0.42, 0.03, h * 0.88), glass)
        front(cx, 0.08, cz - h / 2 - 0.04, (w + 0.2, 0.22, 0.08), sill)
        if balconies and j > 0:
            front(cx, 0.55, cz - h / 2 - 0.12, (w + 0.8, 1.1, 0.12), sill)
            with b.at((cx, y_of(1.05), cz - h / 2 - 0.06)):
                railing(b, w + 0.8, 0.95)


def barn(b: SceneBuilder) -> None:
    """Shed or barn with pitched roof, door, windows, leaning planks."""
    rng = b.rng
    w, d, h = rng.uniform(3, 11), rng.uniform(3, 7), rng.uniform(2.2, 4.5)
    kinds = ["planks", "planks", "wood", "brick", "stone", "corrugated"]
    wall = b.material(rng.choice(kinds), rng.uniform(1.5, 3), 0.3)
    roof = b.material(rng.choice(["corrugated", "planks", "brick"]), 2.0, 0.3, (0.7, 0.6, 0.55))
    trim = b.material("wood", 1.0)
    b.block((0, 0, -0.5), (w, d, h + 0.5), wall)
    rise = rng.uniform(0.8, 2.5)
    b.add(frustum((0, 0, h), (w, d), (w, 0.02), rise), wall)
    for side in (-1, 1):
        slope = np.array([0, -side * (d / 2 + 0.4), rise * (1 + 0.8 / d)])
        corner = np.array([-side * (w / 2 + 0.4), side * (d / 2 + 0.4), h - 0.8 * rise / d + 0.06])
        b.quad(corner, (side * (w + 0.8), 0, 0), slope, roof)
        b.quad(corner + (side * (w + 0.8), 0, -0.05), (-side * (w + 0.8), 0, 0), slope, trim)
    b.box((w * 0.1, d / 2, 1.0), (rng.uniform(0.9, 2.4), 0.08, 2.0), trim)
    for x in (-0.35, 0.38):
        b.box((x * w, d / 2, 1.5), (0.8, 0.1, 0.7), trim)
        b.box((x * w, d / 2 + 0.02, 1.5), (0.66, 0.1, 0.56), b.plain((0.08, 0.1, 0.12), 0.9))
        b.box((w / 2, x * d, 1.6), (0.1, 0.6, 0.6), trim)
    for _ in b.some(0, 6):
        x = rng.uniform(-w / 2, w / 2)
        foot = (x, d / 2 + rng.uniform(0.4, 0.9), 0)
        head = (x + rng.normal(0, 0.3), d / 2 + 0.05, rng.uniform(1, 2.3))
        b.rod(foot, head, rng.uniform(0.02, 0.06), trim, 5)
