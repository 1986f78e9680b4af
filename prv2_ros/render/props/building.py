# SPDX-License-Identifier: Apache-2.0
"""Houses along a street."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.props import street
from prv2_ros.render.shapes import frustum


def house(b: SceneBuilder, x: float, wide: float, side: int, inner: float, kerb: float) -> None:
    """House from x to x + wide whose front stands at y = side * inner and faces the road at y = 0; `kerb` is the
    ground's height. Windows, doors and balconies are modelled, or printed on the wall above a shop."""
    rng = b.rng
    storey, storeys, deep = rng.uniform(2.7, 3.6), int(rng.integers(1, 7)), rng.uniform(8, 14)
    height = storey * storeys
    printed = rng.random() < 0.45
    wall = (
        b.material("facade", storey * 4, 0.2)
        if printed
        else b.material(rng.choice(["plaster", "brick", "concrete", "stone"]), rng.uniform(1.5, 3), 0.2)
    )
    y = side * (inner + deep / 2)
    b.block((x + wide / 2, y, kerb - 0.3), (wide, deep, height + 0.3), wall)
    face = side * inner  # the plane towards the road
    out = -side
    glass, frame = (
        b.material("glass", rng.uniform(1.5, 4), specular=0.8, shininess=0.9),
        b.plain(rng.uniform(0.1, 0.95) * np.ones(3)),
    )
    sill = b.material("concrete", 1.0)
    if not printed:
        columns = max(1, int(wide / rng.uniform(2.0, 3.4)))
        w, h = wide / columns * rng.uniform(0.4, 0.7), storey * rng.uniform(0.42, 0.62)
        balconies = rng.random() < 0.3
        for i in range(columns):
            for j in range(storeys):
                cx, cz = x + (i + 0.5) * wide / columns, kerb + (j + 0.55) * storey
                if j == 0 and rng.random() < 0.25:
                    door = b.material("wood", 1.0, 0.4) if rng.random() < 0.6 else b.plain(specular=0.3)
                    b.box((cx, face + out * 0.02, kerb + 1.05), (1.0, 0.1, 2.1), door)
                    b.box((cx, face + out * 0.25, kerb + 0.08), (1.3, 0.6, 0.16), sill)
                    continue
                b.box((cx, face + out * 0.015, cz), (w, 0.05, h), frame)
                for part in (-1, 1):
                    b.box((cx + part * w * 0.235, face + out * 0.035, cz), (w * 0.42, 0.03, h * 0.88), glass)
                b.box((cx, face + out * 0.08, cz - h / 2 - 0.04), (w + 0.2, 0.22, 0.08), sill)
                if balconies and j > 0:
                    b.box((cx, face + out * 0.55, cz - h / 2 - 0.12), (w + 0.8, 1.1, 0.12), sill)
                    with b.at((cx, face + out * 1.05, cz - h / 2 - 0.06)):
                        street.railing(b, w + 0.8, 0.95)
    elif rng.random() < 0.7:  # a shop under the printed storeys
        b.box((x + wide / 2, face + out * 0.03, kerb + 1.4), (wide * 0.9, 0.1, 2.5), glass)
        for k in np.linspace(0.05, 0.95, max(2, int(wide / 2.5))):
            b.box((x + wide * k, face + out * 0.07, kerb + 1.4), (0.12, 0.12, 2.6), frame)
        b.box((x + wide / 2, face + out * 0.12, kerb + 2.95), (wide * 0.6, 0.2, 0.6), b.material("sign", 0), fit=True)
        if rng.random() < 0.5:
            b.box((x + wide / 2, face + out * 0.6, kerb + 2.55), (wide * 0.85, 1.2, 0.06), b.material("fabric", 1.0))
    if rng.random() < 0.6:
        b.box((x + wide / 2, face + out * 0.12, kerb + height - 0.1), (wide + 0.1, 0.4, rng.uniform(0.15, 0.5)), sill)
    if rng.random() < 0.5:
        b.cylinder((x + 0.3, face + out * 0.08, kerb), height, 0.05, b.plain((0.4, 0.4, 0.4)), 8)
    if storeys <= 3 and rng.random() < 0.8:
        b.add(
            frustum(
                (x + wide / 2, y, kerb + height), (wide + 0.7, deep + 0.8), (wide + 0.7, 0.3), rng.uniform(1.5, 3.5)
            ),
            b.material("brick", 2.0, rgb=(0.6, 0.4, 0.35)),
        )
        b.block((x + wide * 0.7, y + deep * 0.2, kerb + height), (0.6, 0.6, 3.0), b.material("brick", 1.5))
    else:
        for _ in range(int(rng.integers(0, 4))):
            b.block(
                (x + rng.uniform(0.1, 0.9) * wide, y, kerb + height),
                (rng.uniform(0.5, 3), 2, rng.uniform(0.5, 2.5)),
                sill,
            )
