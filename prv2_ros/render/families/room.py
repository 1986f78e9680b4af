# SPDX-License-Identifier: Apache-2.0
"""Rooms: walls with door and window openings, furniture, shelves, pictures, cables, small things everywhere."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.lighting import lamps
from prv2_ros.render.props import indoor, nature, people, vehicles
from prv2_ros.render.renderer import Pose


def build(b: SceneBuilder) -> None:
    """Fill the builder with one room (3–11 m), the room behind its door and what lies outside its windows."""
    rng = b.rng
    size_x, size_y, height = rng.uniform(3.2, 11), rng.uniform(3, 7.5), rng.uniform(2.3, 3.4)
    b.scene.notes |= {"size_m": [size_x, size_y], "height_m": height}
    wall = b.material(rng.choice(["plaster", "plaster", "plaster", "wallpaper", "wallpaper", "brick", "concrete", "planks"]), rng.uniform(1.5, 3), 0.12)
    floor = b.material(rng.choice(["planks", "planks", "tiles", "wood", "fabric", "concrete", "marble"]), rng.uniform(1, 2.5), specular=0.25)
    ceiling = b.material("plaster", 3.0, 0.05, (0.95, 0.95, 0.93)) if rng.random() < 0.8 else b.material("planks", 2.0)
    b.quad((0, 0, 0), (size_x, 0, 0), (0, size_y, 0), floor)
    b.quad((0, 0, height), (0, size_y, 0), (size_x, 0, 0), ceiling)
    frame = b.plain(rng.uniform(0.3, 0.95) * np.array([1, 0.98, 0.95]))
    walls = [((0, 0), (1, 0), size_x), ((size_x, 0), (0, 1), size_y), ((size_x, size_y), (-1, 0), size_x), ((0, size_y), (0, -1), size_y)]
    daylit = False
    for start, along, length in walls:
        openings = []
        x = rng.uniform(0.4, 1.4)
        while x < length - 1.4 and rng.random() < 0.65:
            w = rng.uniform(0.8, 1.1) if (door := rng.random() < 0.4) else rng.uniform(0.7, 2.2)
            w = min(w, length - x - 0.3)
            low, high = (0.0, 2.05) if door else (rng.uniform(0.2, 1.1), rng.uniform(1.8, height - 0.2))
            openings.append((x, x + w, low, high, door))
            daylit |= not door
            x += w + rng.uniform(0.5, 2.5)
        _wall(b, start, along, length, height, openings, wall, frame)
    outside = b.material(rng.choice(["grass", "asphalt", "concrete", "gravel"]), 3.0)
    level = -rng.choice([0.25, 0.25, 3.0, 9.0])
    b.quad((-80, -80, level), (160, 0, 0), (0, 160, 0), outside)
    for _ in range(int(rng.integers(2, 9))):
        angle, far = rng.uniform(0, 6.28), rng.uniform(9, 30)
        with b.at((size_x / 2 + np.cos(angle) * far, size_y / 2 + np.sin(angle) * far, level), rng.uniform(0, 6.28)):
            kind = rng.integers(4)
            if kind < 2:
                nature.tree(b)
            elif kind == 2:
                vehicles.car(b)
            else:
                b.block((0, 0, 0), (rng.uniform(6, 14), 9, rng.uniform(5, 14)), b.material("facade", 12.0))
    places = [(x, y, height - 0.3) for x in np.linspace(0.2, 0.8, 3) * size_x for y in np.linspace(0.25, 0.75, 2) * size_y]
    lamps(b, places, daylit and rng.random() < 0.7)
    _ceiling_things(b, places, size_x, size_y, height)
    _furnish(b, size_x, size_y, height)


def _wall(b: SceneBuilder, start, along, length: float, height: float, openings: list, wall, frame) -> None:
    """One wall, seen from inside, as a grid around its openings (u0, u1, low, high, is door)."""
    rng = b.rng
    start, along = np.array([*start, 0.0]), np.array([*along, 0.0])
    inward = np.array([-along[1], along[0], 0.0])
    thick = 0.18

    def panel(u0: float, u1: float, z0: float, z1: float) -> None:
        if u1 - u0 > 1e-3 and z1 - z0 > 1e-3:
            for shift in (0.0, -thick):
                origin = start + along * (u1 if shift == 0 else u0) + inward * shift + (0, 0, z0)
                b.quad(origin, along * ((u0 - u1) if shift == 0 else (u1 - u0)), (0, 0, z1 - z0), wall)

    cursor = 0.0
    for u0, u1, low, high, door in openings:
        panel(cursor, u0, 0, height)
        panel(u0, u1, 0, low)
        panel(u0, u1, high, height)
        cursor = u1
        middle, yaw = start + along * (u0 + u1) / 2 - inward * thick / 2, np.arctan2(along[1], along[0])
        with b.at(middle, yaw):
            w = u1 - u0
            for x in (-w / 2, w / 2):
                b.box((x, 0, (low + high) / 2), (0.06, thick + 0.05, high - low), frame)
            b.box((0, 0, high), (w + 0.06, thick + 0.05, 0.06), frame)
            if door:
                if rng.random() < 0.75:
                    turn = rng.uniform(-2.4, 0) if rng.random() < 0.5 else 0.0
                    with b.at((-w / 2, 0, 0), turn):
                        b.box((w / 2, 0, high / 2), (w * 0.97, 0.04, high * 0.99), b.material("wood", 1.5, 0.2))
                        for side in (-1, 1):
                            b.tube([(w * 0.85, side * 0.05, 1.0), (w * 0.97, side * 0.05, 1.0)], 0.01, b.plain((0.7, 0.7, 0.7), 0.9), 6)
            else:
                b.box((0, 0.06, low - 0.02), (w + 0.2, thick + 0.2, 0.05), frame)
                bars = int(rng.integers(1, 4))
                for k in range(1, bars):
                    b.box((-w / 2 + w * k / bars, 0, (low + high) / 2), (0.05, 0.05, high - low), frame)
                if rng.random() < 0.5:
                    b.box((0, 0, low + (high - low) * rng.uniform(0.3, 0.8)), (w, 0.045, 0.045), frame)
                if rng.random() < 0.3:
                    for z in np.arange(low + 0.04, high, 0.06):
                        b.box((0, 0.03, z), (w, 0.035, 0.004), b.plain((0.9, 0.9, 0.87)))
                elif rng.random() < 0.4:
                    for side in (-1, 1):
                        x = np.linspace(0, 0.4, 12)
                        for k in x:
                            b.cylinder((side * (w / 2 + 0.15 - k), 0.16 + 0.03 * np.sin(k * 60), 0.05), high, 0.03, b.material("fabric", 0.7, 0.0), 6)
    panel(cursor, length, 0, height)
    b.box(start + along * length / 2 + inward * 0.01 + (0, 0, 0.04), np.abs(along) * length + np.abs(inward) * 0.02 + (0, 0, 0.08), frame)
    u = rng.uniform(0.3, 1.0)
    while u < length - 0.8:
        w, h = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.9)
        clear = all(u + w < o[0] - 0.1 or u > o[1] + 0.1 for o in openings)
        if clear and rng.random() < 0.55:
            centre = start + along * (u + w / 2) + inward * 0.02 + (0, 0, rng.uniform(1.25, 1.8))
            with b.at(centre, np.arctan2(along[1], along[0])):
                kind = rng.random()
                if kind < 0.75:
                    b.box((0, 0, 0), (w, 0.03, h), b.material("poster", 0), fit=True)
                    if rng.random() < 0.6:
                        for dx, dz, sx, sz in ((-w / 2, 0, 0.03, h), (w / 2, 0, 0.03, h), (0, h / 2, w, 0.03), (0, -h / 2, w, 0.03)):
                            b.box((dx, 0.01, dz), (sx, 0.045, sz), b.plain())
                elif kind < 0.9:
                    b.box((0, 0.1, 0), (w, 0.22, 0.025), b.material("wood", 1.0))
                    indoor.clutter(b, (0, 0.1, 0.013), w * 0.4, 0.05, int(rng.integers(1, 6)), 0.8)
                else:
                    b.tube([(0, 0, 0), (0, 0.04, 0)], min(w, 0.3) / 2, b.plain(), 20)
        u += w + rng.uniform(0.2, 1.6)
    if rng.random() < 0.3:  # a radiator, or a cable along the wall
        with b.at(start + along * length * rng.uniform(0.3, 0.7) + inward * 0.1, np.arctan2(along[1], along[0])):
            for x in np.arange(-0.5, 0.5, 0.06):
                b.box((x, 0, 0.42), (0.035, 0.07, 0.55), b.plain((0.9, 0.9, 0.88), 0.3))
    if rng.random() < 0.4:
        t = np.linspace(0.05, 0.95, 9)
        points = start + along * (t * length)[:, None] + inward * 0.02 + np.column_stack([0 * t, 0 * t, 0.15 + rng.uniform(0, 1.5) + 0.04 * rng.normal(size=9)])
        b.tube(points, 0.006, b.plain((0.1, 0.1, 0.1)), 5)


def _ceiling_things(b: SceneBuilder, places: list, size_x: float, size_y: float, height: float) -> None:
    rng = b.rng
    kind = rng.integers(4)
    for x, y, _ in places[:: int(rng.integers(1, 4))]:
        if kind == 0:
            b.box((x, y, height - 0.03), (0.6, 0.6, 0.05), b.plain((1, 1, 0.97), emission=0.9))
        elif kind == 1:
            drop = rng.uniform(0.3, 0.9)
            b.cylinder((x, y, height - drop), drop, 0.005, b.plain((0.1, 0.1, 0.1)), 5)
            b.cylinder((x, y, height - drop - 0.22), 0.25, rng.uniform(0.12, 0.25), b.plain((0.95, 0.9, 0.8), emission=0.4), 18, 0.06)
        elif kind == 2:
            b.box((x, y, height - 0.06), (1.2, 0.1, 0.08), b.plain((1, 1, 0.97), emission=0.9))
    if rng.random() < 0.25:
        beam = b.material("wood", 2.0)
        for x in np.arange(0.5, size_x, rng.uniform(0.7, 1.5)):
            b.box((x, size_y / 2, height - 0.09), (0.14, size_y, 0.18), beam)


def _furnish(b: SceneBuilder, size_x: float, size_y: float, height: float) -> None:
    rng = b.rng
    taken: list[tuple[float, float, float]] = []

    def free(x: float, y: float, r: float) -> bool:
        if any((x - p) ** 2 + (y - q) ** 2 < (r + s) ** 2 for p, q, s in taken):
            return False
        taken.append((x, y, r))
        return True

    against = [indoor.bookshelf, indoor.bookshelf, indoor.cabinet, indoor.cabinet, indoor.sofa, indoor.bed, indoor.table, indoor.floor_lamp]
    for _ in range(int(size_x * size_y * 0.55) + 4):
        maker, wall = against[rng.integers(len(against))], rng.integers(4)
        inset, radius = (1.1 if maker is indoor.bed else 0.45), (1.0 if maker in (indoor.sofa, indoor.bed) else 0.6)
        u = rng.uniform(0.6, (size_x if wall % 2 == 0 else size_y) - 0.6)
        x, y, yaw = [(u, inset, np.pi / 2), (size_x - inset, u, np.pi), (u, size_y - inset, -np.pi / 2), (inset, u, 0.0)][wall]
        if free(x, y, radius):
            with b.at((x, y, 0), yaw):
                maker(b)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(0.25, 0.75) * size_x, rng.uniform(0.25, 0.75) * size_y
        if free(x, y, 0.8):
            if rng.random() < 0.5:
                w, d = rng.uniform(0.7, 1.6, 2)
                b.box((x, y, 0.006), (2 * w, 2 * d, 0.012), b.material("carpet", 0), rng.uniform(0, 3), fit=True)
            with b.at((x, y, 0), rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1)):
                indoor.table(b)
            for _ in range(int(rng.integers(0, 5))):
                angle = rng.uniform(0, 6.28)
                with b.at((x + np.cos(angle) * rng.uniform(0.8, 1.2), y + np.sin(angle) * rng.uniform(0.8, 1.2), 0), angle + np.pi + rng.normal(0, 0.3)):
                    indoor.chair(b)
    for maker, most in ((indoor.chair, 3), (indoor.small_object, 9), (_plant, 3), (people.person, 2), (indoor.floor_lamp, 2), (indoor.stairs, 1)):
        for _ in range(int(rng.integers(0, most + 1))):
            x, y = rng.uniform(0.3, size_x - 0.3), rng.uniform(0.3, size_y - 0.3)
            if free(x, y, 0.25):
                with b.at((x, y, 0), rng.uniform(0, 6.28), rng.uniform(1.0, 1.6) if maker is indoor.small_object else 1.0):
                    maker(b)


def _plant(b: SceneBuilder) -> None:
    indoor.potted_plant(b, b.rng.uniform(0.5, 1.4))


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """Near a wall or corner, looking across the room."""
    size_x, size_y = notes["size_m"]
    x, y = rng.beta(0.5, 0.5) * (size_x - 0.7) + 0.35, rng.beta(0.5, 0.5) * (size_y - 0.7) + 0.35
    target = rng.uniform(0.2, 0.8, 2) * (size_x, size_y)
    yaw = np.arctan2(target[1] - y, target[0] - x) + rng.normal(0, 0.25)
    height = min(rng.uniform(0.9, 1.8) if rng.random() < 0.65 else rng.uniform(0.3, 2.3), notes["height_m"] - 0.2)
    return Pose((x, y, height), yaw, rng.normal(0.12 if height > 1 else 0.0, 0.15), rng.normal(0, 0.05))
