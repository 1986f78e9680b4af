# SPDX-License-Identifier: Apache-2.0
"""What makes a room a kitchen or an office."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.props import indoor


def kitchen(b: SceneBuilder, size_x: float, height: float) -> None:
    """A row of cupboards, worktop, hob, sink and hanging cupboards along the first wall."""
    rng = b.rng
    front = b.material(rng.choice(["wood", "plaster", "metal"]), 1.5, 0.2, specular=0.4)
    top, steel = (
        b.material(rng.choice(["marble", "wood", "stone"]), 1.0, specular=0.5),
        b.plain((0.7, 0.71, 0.72), 0.8, 0.8),
    )
    start, end = 0.2, size_x * rng.uniform(0.5, 0.95)
    b.box(((start + end) / 2, 0.31, 0.9), (end - start, 0.64, 0.04), top)
    b.box(((start + end) / 2, 0.02, 1.15), (end - start, 0.02, 0.5), b.material("tiles", 0.6))
    for x in np.arange(start + 0.3, end - 0.2, 0.6):
        b.box((x, 0.3, 0.49), (0.585, 0.58, 0.76), front)
        b.tube([(x - 0.15, 0.62, 0.8), (x + 0.15, 0.62, 0.8)], 0.008, steel, 6)
        if rng.random() < 0.7:
            b.box((x, 0.18, 1.8), (0.585, 0.36, 0.7), front)
            b.tube([(x + 0.2, 0.38, 1.5), (x + 0.2, 0.38, 1.65)], 0.008, steel, 6)
    x = rng.uniform(start + 0.5, end - 0.5)
    b.box((x, 0.32, 0.925), (0.58, 0.5, 0.012), b.plain((0.05, 0.05, 0.05), 0.8, 0.9))
    b.box((x, 0.27, min(1.9, height - 0.4)), (0.6, 0.5, 0.15), steel)
    tap = x + 1.0 if x + 1.0 < end else x - 1.0
    b.tube([(tap, 0.08, 0.92), (tap, 0.08, 1.2), (tap, 0.2, 1.24), (tap, 0.27, 1.15)], 0.013, steel, 8)
    b.box((tap, 0.34, 0.922), (0.45, 0.4, 0.008), steel)
    b.block((end + 0.35, 0.35, 0), (0.62, 0.64, rng.uniform(1.4, 2.0)), b.plain((0.85, 0.85, 0.85), 0.5, 0.6))
    indoor.clutter(b, ((start + end) / 2, 0.2, 0.92), (end - start) * 0.45, 0.1, int(rng.integers(3, 12)))


def desks(b: SceneBuilder, size_x: float, size_y: float) -> None:
    """Rows of desks with screens, chairs and partitions."""
    rng = b.rng
    cloth, screens = b.material("fabric", 1.0, 0.1), rng.random() < 0.6
    for x in np.arange(1.4, size_x - 0.8, rng.uniform(1.9, 2.6)):
        for y in np.arange(1.2, size_y - 0.9, rng.uniform(1.7, 2.3)):
            if rng.random() < 0.8:
                with b.at((x, y, 0), rng.normal(0, 0.03)):
                    indoor.table(b)
                with b.at((x - rng.uniform(0.6, 0.9), y, 0), rng.normal(0, 0.5)):
                    indoor.chair(b)
                if screens:
                    b.box((x + 0.62, y, 0.65), (0.05, 1.5, 1.3), cloth)
