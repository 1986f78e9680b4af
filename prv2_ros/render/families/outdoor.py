# SPDX-License-Identifier: Apache-2.0
"""Outdoor clutter: rolling ground, rocks, fences, foliage, poles, barns, logs, cars on tracks."""

import cv2
import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import daylight
from prv2_ros.render.props import indoor, nature, people, storage, street, vehicles
from prv2_ros.render.shapes import frustum, terrain
from prv2_ros.render.textures.noise import spectral

SIDE = 160.0
GRID = 192


def build(b: SceneBuilder) -> None:
    """Fill the builder with one plot of land."""
    rng = b.rng
    daylight(b)
    height = spectral(rng, GRID, 3.4) * rng.uniform(0.1, 1.6)
    height = cv2.GaussianBlur(height, (0, 0), 2.0) + spectral(rng, GRID, 1.5) * 0.015
    centre = GRID // 2
    height -= height[centre, centre]
    axis = np.linspace(-1, 1, GRID) * SIDE / 2
    if rng.random() < 0.5:  # hills towards the horizon
        radius = np.hypot(axis[None], axis[:, None])
        height += np.clip(radius - 35, 0, None) ** 1.3 * 0.05 * rng.uniform(0, 1) * (1 + 0.5 * spectral(rng, GRID, 3.5))
    height = height.astype(np.float32)
    soil = b.material(rng.choice(["grass", "grass", "soil", "gravel", "stone"]), rng.uniform(2, 4), specular=0.02)
    b.add(terrain(height, SIDE, SIDE), soil)
    b.quad((-900, -900, float(height.min()) - 1.0), (1800, 0, 0), (0, 1800, 0), soil)

    def ground(x: float, y: float) -> float:
        column, row = (np.array([x, y]) / SIDE + 0.5) * (GRID - 1)
        return float(cv2.getRectSubPix(height, (1, 1), (float(column), float(row)))[0, 0])

    heights = height[::8, ::8]
    b.scene.notes |= {"ground": np.round(height, 3), "relief_m": float(heights.max() - heights.min())}
    density = rng.dirichlet(np.ones(8) * 0.7)
    makers = [nature.tree, nature.shrub, nature.rock, nature.tuft, _fence_run, _junk, nature.log_pile, _person_or_post]
    for _ in range(int(rng.integers(60, 130))):
        far = 2.0 + 48 * rng.random() ** 1.4
        angle = rng.uniform(0, 6.28)
        x, y = far * np.cos(angle), far * np.sin(angle)
        maker = makers[rng.choice(8, p=density * 0.75 + 0.25 / 8)]
        with b.at((x, y, ground(x, y) - 0.03), rng.uniform(0, 6.28)):
            maker(b)
    if rng.random() < 0.25:
        _wood(b, ground)
    elif rng.random() < 0.2:
        _scaffold(b, ground)
    for _ in range(int(rng.integers(0, 120))):
        x, y = rng.normal(0, 5, 2)
        with b.at((x, y, ground(x, y) - 0.02), rng.uniform(0, 6.28)):
            (nature.tuft if rng.random() < 0.75 else _pebble)(b)
    for _ in range(int(rng.integers(0, 4))):
        angle, far = rng.uniform(0, 6.28), rng.uniform(9, 40)
        x, y = far * np.cos(angle), far * np.sin(angle)
        with b.at((x, y, ground(x, y) - 0.2), rng.uniform(0, 6.28)):
            (barn if rng.random() < 0.75 else vehicles.car)(b)
    if rng.random() < 0.5:
        _line(b, ground)
    if rng.random() < 0.5:  # a wood in the distance
        for angle in np.arange(0, 6.28, rng.uniform(0.12, 0.4)):
            far = rng.uniform(38, 70)
            x, y = far * np.cos(angle), far * np.sin(angle)
            with b.at((x, y, ground(x, y) - 0.1)):
                nature.tree(b, rng.uniform(5, 14))


def _pebble(b: SceneBuilder) -> None:
    nature.rock(b, b.rng.uniform(0.05, 0.2))


def _fence_run(b: SceneBuilder) -> None:
    street.fence(b, b.rng.uniform(4, 14))


def _person_or_post(b: SceneBuilder) -> None:
    if b.rng.random() < 0.4:
        people.person(b)
    elif b.rng.random() < 0.5:
        street.sign(b)
    else:
        b.cylinder((0, 0, 0), b.rng.uniform(1, 4), b.rng.uniform(0.04, 0.12), b.material("bark", 1.0), 8)


def _junk(b: SceneBuilder) -> None:
    makers = [
        storage.pallet,
        storage.load,
        street.bin_,
        street.bench,
        street.cone,
        indoor.stairs,
        vehicles.bicycle,
        indoor.chair,
        indoor.table,
    ]
    makers[b.rng.integers(len(makers))](b)


def barn(b: SceneBuilder) -> None:
    """Shed or barn with pitched roof, door, windows, leaning planks."""
    rng = b.rng
    w, d, h = rng.uniform(3, 11), rng.uniform(3, 7), rng.uniform(2.2, 4.5)
    wall = b.material(
        rng.choice(["planks", "planks", "wood", "brick", "stone", "corrugated"]), rng.uniform(1.5, 3), 0.3
    )
    roof, trim = (
        b.material(rng.choice(["corrugated", "planks", "brick"]), 2.0, 0.3, (0.7, 0.6, 0.55)),
        b.material("wood", 1.0),
    )
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
    for _ in range(int(rng.integers(0, 6))):
        x = rng.uniform(-w / 2, w / 2)
        b.tube(
            [(x, d / 2 + rng.uniform(0.4, 0.9), 0), (x + rng.normal(0, 0.3), d / 2 + 0.05, rng.uniform(1, 2.3))],
            rng.uniform(0.02, 0.06),
            trim,
            5,
        )


def _wood(b: SceneBuilder, ground) -> None:
    """Trunks all around, undergrowth, fallen stems."""
    rng = b.rng
    for _ in range(int(rng.integers(25, 50))):
        far, angle = rng.uniform(3.5, 34), rng.uniform(0, 6.28)
        x, y = far * np.cos(angle), far * np.sin(angle)
        with b.at((x, y, ground(x, y) - 0.05), rng.uniform(0, 6.28)):
            nature.tree(b, rng.uniform(7, 16))
    bark = b.material("bark", 1.2, 0.3)
    for _ in range(int(rng.integers(0, 7))):
        x, y = rng.normal(0, 8, 2)
        dx, dy = rng.normal(0, 2.5, 2)
        b.tube(
            [(x, y, ground(x, y) + 0.12), (x + dx, y + dy, ground(x + dx, y + dy) + rng.uniform(0.1, 0.9))],
            rng.uniform(0.05, 0.2),
            bark,
            9,
        )


def _scaffold(b: SceneBuilder, ground) -> None:
    """A building site: scaffolding before a raw wall, piles of boards, barriers."""
    rng = b.rng
    yaw, far = rng.uniform(0, 6.28), rng.uniform(7, 18)
    x, y = far * np.cos(yaw), far * np.sin(yaw)
    steel, board = b.plain((0.55, 0.57, 0.6), 0.5), b.material("planks", 1.5)
    with b.at((x, y, ground(x, y) - 0.2), yaw + np.pi / 2):
        bays, levels = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        wide = bays * 2.5
        b.block((0, -1.9, 0), (wide + 1, 0.3, levels * 2.1 + 0.8), b.material(rng.choice(["brick", "concrete"]), 1.5))
        for k in range(bays + 1):
            for dy in (0.0, 1.1):
                b.cylinder((k * 2.5 - wide / 2, dy - 1.1, 0), levels * 2.1 + 1.0, 0.025, steel, 7)
        for level in range(1, levels + 1):
            z = level * 2.1
            b.box((0, -0.55, z), (wide, 1.0, 0.05), board)
            for dz in (0.0, 0.5, 1.0):
                for dy in (-1.1, 0.0):
                    b.tube([(-wide / 2, dy, z + dz), (wide / 2, dy, z + dz)], 0.022, steel, 6)
            for k in range(bays):
                if rng.random() < 0.5:
                    b.tube([(k * 2.5 - wide / 2, 0, z - 2.1), ((k + 1) * 2.5 - wide / 2, 0, z)], 0.02, steel, 6)
    for _ in range(int(rng.integers(2, 9))):
        px, py = rng.normal(0, 7, 2)
        with b.at((px, py, ground(px, py)), rng.uniform(0, 6.28)):
            [street.cone, storage.pallet, _boards, _boards, street.bin_, indoor.stairs][rng.integers(6)](b)


def _boards(b: SceneBuilder) -> None:
    wood = b.material("wood", 1.5, 0.2)
    for level in range(int(b.rng.integers(1, 7))):
        for k in range(4):
            b.box(
                (b.rng.normal(0, 0.06), k * 0.2, 0.03 + level * 0.05),
                (b.rng.uniform(2.0, 3.2), 0.18, 0.04),
                wood,
                b.rng.normal(0, 0.02),
            )


def _line(b: SceneBuilder, ground) -> None:
    """Poles and wires across the land."""
    rng = b.rng
    yaw, offset, height = rng.uniform(0, 3.14), rng.uniform(4, 15), rng.uniform(5, 9)
    along, across = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    wire, before = b.plain((0.06, 0.06, 0.06)), None
    for s in np.arange(-66, 67, 22.0):
        x, y = along * s + across * offset
        if max(abs(x), abs(y)) > SIDE / 2 - 2:
            before = None
            continue
        place = np.array([x, y, ground(x, y)])
        with b.at(place, yaw):
            hooks = street.utility_pole(b, height)
        hooks = [
            place + (np.cos(yaw) * p[0] - np.sin(yaw) * p[1], np.sin(yaw) * p[0] + np.cos(yaw) * p[1], p[2])
            for p in hooks
        ]
        if before is not None:
            for p, q in zip(before, hooks, strict=True):
                b.wire(p, q, rng.uniform(0.3, 0.9), 0.012, wire)
        before = hooks


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """Anywhere near the middle, looking anywhere."""
    x, y = rng.normal(0, 6, 2)
    ground = notes["ground"]
    row, column = ((np.array([y, x]) / SIDE + 0.5) * (GRID - 1)).round().astype(int)
    height = rng.uniform(0.8, 1.9) if rng.random() < 0.6 else rng.uniform(0.3, 3.0)
    return Pose(
        (x, y, float(ground[row, column]) + height),
        rng.uniform(-np.pi, np.pi),
        rng.normal(0.04, 0.12),
        rng.normal(0, 0.05),
    )
