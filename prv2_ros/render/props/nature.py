# SPDX-License-Identifier: Apache-2.0
"""Plants, rocks and wood."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.shapes import leaf_cluster, transform


def _leaves(b: SceneBuilder, tile_m: float, tint: float, low: float, high: float, specular: float):
    return b.material("leaves", tile_m, tint, b.rng.uniform(low, high, 3), specular=specular)


def _crown(b: SceneBuilder, center, radii, leaf, material, count: int) -> None:
    """Leaves in a shell, around a darker ragged core that hides the hollow."""
    detail = b.detail()  # far crowns have fewer, larger leaves
    b.add(transform(leaf_cluster(b.rng, int(count * detail), radii, leaf / detail**0.5, 0.42), center), material)
    dark = material._replace(rgb=tuple(round(c * 0.6, 3) for c in material.rgb))
    b.blob(center, np.asarray(radii) * 0.52, dark, rough=0.3, detail=9)


def tree(b: SceneBuilder, height: float | None = None) -> None:
    """Broad-leaved, conical or bare tree."""
    rng = b.rng
    height = height or rng.uniform(3.5, 11)
    trunk, leaf = b.material("bark", 1.5, 0.3), _leaves(b, 1.0, 0.3, 0.6, 1, 0.05)
    style = rng.choice(3, p=[0.62, 0.2, 0.18])
    radius = height * rng.uniform(0.014, 0.028)
    lean = rng.normal(0, 0.03, 2) * height
    stem = height * (0.55 if style == 0 else 0.95)
    t = np.linspace(0, 1, 6)
    bend = np.column_stack([lean[0] * t**2, lean[1] * t**2, t * stem])
    b.tube(bend, radius * (1 - 0.6 * t), trunk, 9)
    top = bend[-1]
    if style == 0:
        for _ in b.some(4, 9):
            offset = rng.normal(0, 1, 3) * (height * 0.13, height * 0.13, height * 0.1) + (0, 0, height * 0.12)
            size = height * rng.uniform(0.1, 0.19) * np.array([1.0, 1.0, rng.uniform(0.7, 1.0)])
            b.rod(bend[3], top + offset * 0.6, radius * 0.35, trunk, 5)
            _crown(b, top + offset, size, rng.uniform(0.07, 0.14), leaf, 850)
    elif style == 1:
        levels = int(rng.integers(5, 9))
        for k in range(levels):
            z = height * (0.2 + 0.78 * k / levels)
            wide = (height - z) * rng.uniform(0.28, 0.36)
            _crown(b, (lean[0] * z / height, lean[1] * z / height, z), (wide, wide, height * 0.08), 0.1, leaf, 480)
    else:
        _branches(b, bend, radius, trunk, height)


def _branches(b: SceneBuilder, stem: np.ndarray, radius: float, material, height: float) -> None:
    rng = b.rng
    for _ in b.some(10, 22):
        start = stem[-1] * (k := rng.uniform(0.3, 1)) + stem[0] * (1 - k)
        angle, length = rng.uniform(0, 6.28), height * rng.uniform(0.12, 0.32)
        step = np.array([np.cos(angle), np.sin(angle), rng.uniform(0.3, 1.2)]) * length / 2
        middle = start + step
        end = middle + step + rng.normal(0, 0.12, 3) * length
        b.tube([start, middle, end], np.array([0.4, 0.25, 0.06]) * radius, material, 5)
        for _ in range(4):
            tip = middle + (end - middle) * rng.uniform(0, 1) + rng.normal(0, 0.35, 3) * length
            b.rod(middle, tip, np.array([0.13, 0.05]) * radius, material, 4)


def shrub(b: SceneBuilder, size: float | None = None) -> None:
    """Low leafy bush."""
    rng = b.rng
    size = size or rng.uniform(0.3, 1.1)
    leaf = _leaves(b, 1.0, 0.35, 0.55, 1, 0.05)
    for _ in b.some(1, 4):
        offset = rng.uniform(-0.5, 0.5, 3) * size * (1, 1, 0.1) + (0, 0, size * 0.45)
        _crown(b, offset, size * rng.uniform(0.4, 0.7, 3), rng.uniform(0.035, 0.08), leaf, 420)


def hedge(b: SceneBuilder, length: float, height: float, width: float) -> None:
    """Clipped hedge along x: leaves on a box-shaped core."""
    leaf = _leaves(b, 1.0, 0.3, 0.55, 0.9, 0.05)
    b.block((0, 0, 0), (length, width * 0.85, height * 0.95), leaf._replace(rgb=tuple(c * 0.6 for c in leaf.rgb)))
    for x in np.arange(-length / 2, length / 2, 0.8):
        leaves = leaf_cluster(b.rng, 200, (0.6, width * 0.62, height * 0.62), 0.06, 0.8)
        b.add(transform(leaves, (x + 0.4, 0, height / 2)), leaf)


def rock(b: SceneBuilder, size: float | None = None) -> None:
    """Boulder, partly in the ground."""
    rng = b.rng
    size = size or rng.uniform(0.15, 1.3)
    material = b.material("stone", 1.5, 0.25, specular=0.05)
    center = (0, 0, size * rng.uniform(0.05, 0.35))
    b.blob(center, size * rng.uniform(0.45, 1.0, 3) * (1, 1, 0.75), material, rng.uniform(0.12, 0.3), 12)


def tuft(b: SceneBuilder, count: int = 40, height: float = 0.35, spread: float = 0.3) -> None:
    """Grass or reed blades, two-sided thin triangles."""
    rng = b.rng
    material = _leaves(b, 0.6, 0.3, 0.6, 1, 0.02)
    blades = leaf_cluster(rng, count, (spread, spread, 0.02), 0.02)
    root = blades.vertices.reshape(count, 4, 3).mean(1) * (1, 1, 0)
    bent = root + rng.normal(0, 0.28, (count, 3)) * (height, height, 0)
    tip = bent + np.array([0, 0, 1]) * height * rng.uniform(0.5, 1.1, (count, 1))
    side = rng.normal(0, 1, (count, 3)) * (1, 1, 0)
    side *= 0.007 / (np.linalg.norm(side, axis=1, keepdims=True) + 1e-9)
    middle = (root + tip) / 2 + side
    vertices = np.stack([root - side, middle, tip, middle - 2 * side], 1)
    b.add(blades._replace(vertices=vertices.reshape(-1, 3)), material)


def log_pile(b: SceneBuilder) -> None:
    """Stack of trunks along y."""
    rng = b.rng
    bark, radius, length = b.material("bark", 1.0, 0.3), rng.uniform(0.08, 0.22), rng.uniform(0.8, 3.5)
    across = int(rng.integers(3, 8))
    for level in range(across):
        for k in range(across - level):
            x, z = (k - (across - level) / 2) * 2 * radius, radius + level * 1.73 * radius
            y = rng.uniform(-0.1, 0.1)
            b.rod((x, y - length / 2, z), (x, y + length / 2, z), radius * rng.uniform(0.8, 1.0), bark, 10)
