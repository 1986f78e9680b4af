# SPDX-License-Identifier: Apache-2.0
"""Pallets and the goods on them."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.shapes import frustum

_DRUMS = ((0.1, 0.25, 0.55), (0.6, 0.1, 0.08), (0.15, 0.15, 0.15), (0.2, 0.45, 0.25))


def pallet(b: SceneBuilder) -> None:
    """Euro pallet of real slats."""
    wood = b.material("planks", 1.6, 0.2)
    for y in np.linspace(-0.36, 0.36, 5):
        b.box((0, y, 0.133), (1.2, 0.12, 0.022), wood)
    for y in (-0.35, 0, 0.35):
        b.box((0, y, 0.011), (1.2, 0.1, 0.022), wood)
        b.boxes(wood, *(((x, y, 0.072), (0.12, 0.1, 0.1)) for x in (-0.53, 0, 0.53)))


def load(b: SceneBuilder, width: float = 1.15, depth: float = 0.75, height: float = 1.2) -> None:
    """Goods on a pallet or a shelf: cartons, drums, sacks, a crate or a wrapped block; base on z = 0."""
    rng = b.rng
    kind = rng.choice(5, p=[0.6, 0.1, 0.12, 0.1, 0.08])
    if kind == 0:
        _cartons(b, width, depth, height)
    elif kind == 1:
        drum, r = b.plain(b.pick(_DRUMS), 0.4), min(depth, width / 2) * 0.48
        for x in (-width / 4, width / 4):
            b.cylinder((x, 0, 0), min(height, 0.88), r, drum, 20)
            for z in (0.28, 0.58):
                b.cylinder((x, 0, z), 0.03, r * 1.03, drum, 20)
    elif kind == 2:
        sack = b.material("fabric", 0.7, 0.2, (0.8, 0.75, 0.65))
        for level in range(max(1, int(height / 0.17))):
            for x in (-width / 4, width / 4):
                b.blob((x, rng.normal(0, 0.02), 0.09 + level * 0.16), (width * 0.27, depth * 0.5, 0.1), sack, 0.04, 8)
    elif kind == 3:
        b.block((0, 0, 0), (width, depth, height * rng.uniform(0.4, 1)), b.material("planks", 1.0))
    else:
        wrapped = frustum((0, 0, 0), (width, depth), (width * 0.96, depth * 0.94), height)
        b.add(wrapped, b.plain((0.75, 0.8, 0.82), 0.7, 0.7))


def _cartons(b: SceneBuilder, width: float, depth: float, height: float) -> None:
    rng = b.rng
    carton = b.material("carton", 0, 0.25)
    nx, ny = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    sx, sy, sz = width / nx, depth / ny, rng.uniform(0.18, 0.5)
    layers = max(1, int(height / sz))
    for level in range(layers):
        for i, j in np.ndindex(nx, ny):
            if level and level == layers - 1 and b.chance(0.3):
                continue
            place = ((i + 0.5) * sx - width / 2, (j + 0.5) * sy - depth / 2, (level + 0.5) * sz)
            mixed = b.material("carton", 0, 0.3) if b.chance(0.08) else carton
            b.box(place, (sx * 0.97, sy * 0.97, sz * 0.985), mixed, rng.normal(0, 0.015), fit=True)


def loaded_pallet(b: SceneBuilder) -> None:
    """A pallet with its load."""
    pallet(b)
    with b.at((0, 0, 0.145)):
        load(b, height=b.rng.uniform(0.4, 1.6))
