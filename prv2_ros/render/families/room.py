# SPDX-License-Identifier: Apache-2.0
"""Furnished rooms with doors and windows, and the surroundings outside."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import lamps
from prv2_ros.render.props import indoor
from prv2_ros.render.props.interior import ceiling_things, pierced_wall
from prv2_ros.render.props.nature import tree
from prv2_ros.render.props.people import person
from prv2_ros.render.props.vehicles import car

_WALLS = ["plaster", "plaster", "plaster", "wallpaper", "wallpaper", "brick", "concrete", "planks"]
_FLOORS = ["planks", "planks", "tiles", "wood", "fabric", "concrete", "marble"]
_AGAINST_WALLS = (indoor.bookshelf, indoor.bookshelf, indoor.cabinet, indoor.cabinet)
_AGAINST_WALLS += (indoor.sofa, indoor.bed, indoor.table, indoor.floor_lamp)
# Objects in the middle of a room, and the maximum number of each.
_LOOSE = ((indoor.chair, 3), (indoor.small_object, 9), (indoor.potted_plant, 3), (person, 2))
_LOOSE += ((indoor.floor_lamp, 2), (indoor.stairs, 1))


def build(b: SceneBuilder) -> None:
    """Fill the builder with one room (3–11 m, or a corridor) and its surroundings."""
    rng = b.rng
    size_x, size_y, height = rng.uniform(3.2, 11), rng.uniform(3, 7.5), rng.uniform(2.3, 3.4)
    if rng.choice(4, p=[0.52, 0.14, 0.18, 0.16]) == 1:  # a corridor
        size_x, size_y = rng.uniform(8, 22), rng.uniform(1.5, 2.8)
    b.scene.notes |= {"size_m": [size_x, size_y], "height_m": height}
    daylit = _shell(b, size_x, size_y, height)
    _outside(b, size_x, size_y)
    shares = ((x, y) for x in np.linspace(0.2, 0.8, 3) for y in np.linspace(0.25, 0.75, 2))
    places = [(x * size_x, y * size_y, height - 0.3) for x, y in shares]
    lamps(b, places, daylit and b.chance(0.7))
    ceiling_things(b, places, size_x, size_y, height)
    _furnish(b, size_x, size_y)


def _shell(b: SceneBuilder, size_x: float, size_y: float, height: float) -> bool:
    """Floor, ceiling and walls with doors and windows; returns whether there is a window."""
    rng = b.rng
    wall = b.material(rng.choice(_WALLS), rng.uniform(1.5, 3), 0.12)
    floor = b.material(rng.choice(_FLOORS), rng.uniform(1, 2.5), specular=0.25)
    ceiling = b.material("plaster", 3.0, 0.05, (0.95, 0.95, 0.93)) if b.chance(0.8) else b.material("planks", 2.0)
    b.quad((0, 0, 0), (size_x, 0, 0), (0, size_y, 0), floor)
    b.quad((0, 0, height), (0, size_y, 0), (size_x, 0, 0), ceiling)
    frame = b.plain(rng.uniform(0.3, 0.95) * np.array([1, 0.98, 0.95]))
    corners = ((0, 0), (size_x, 0), (size_x, size_y), (0, size_y))
    directions = ((1, 0), (0, 1), (-1, 0), (0, -1))
    daylit = False
    for start, along in zip(corners, directions, strict=True):
        length = size_x if along[0] else size_y
        openings = []
        x = rng.uniform(0.4, 1.4)
        while x < length - 1.4 and b.chance(0.65):
            w = rng.uniform(0.8, 1.1) if (door := b.chance(0.4)) else rng.uniform(0.7, 2.2)
            w = min(w, length - x - 0.3)
            low, high = (0.0, 2.05) if door else (rng.uniform(0.2, 1.1), rng.uniform(1.8, height - 0.2))
            openings.append((x, x + w, low, high, door))
            daylit |= not door
            x += w + rng.uniform(0.5, 2.5)
        pierced_wall(b, start, along, length, height, openings, wall, frame)
    return daylit


def _outside(b: SceneBuilder, size_x: float, size_y: float) -> None:
    """The ground outside, on one of several storeys, with trees, cars and buildings."""
    rng = b.rng
    ground = b.material(rng.choice(["grass", "asphalt", "concrete", "gravel"]), 3.0)
    level = -rng.choice([0.25, 0.25, 3.0, 9.0])
    b.quad((-80, -80, level), (160, 0, 0), (0, 160, 0), ground)
    for _ in b.some(2, 9):
        angle, far = rng.uniform(0, 6.28), rng.uniform(9, 30)
        with b.turned((size_x / 2 + np.cos(angle) * far, size_y / 2 + np.sin(angle) * far, level)):
            kind = rng.integers(4)
            if kind < 2:
                tree(b)
            elif kind == 2:
                car(b)
            else:
                b.block((0, 0, 0), (rng.uniform(6, 14), 9, rng.uniform(5, 14)), b.material("facade", 12.0))


def _furnish(b: SceneBuilder, size_x: float, size_y: float) -> None:
    rng = b.rng
    taken: list[tuple[float, float, float]] = []

    def free(x: float, y: float, r: float) -> bool:
        """Whether a circle is free; it is taken then."""
        if any((x - p) ** 2 + (y - q) ** 2 < (r + s) ** 2 for p, q, s in taken):
            return False
        taken.append((x, y, r))
        return True

    for _ in range(int(size_x * size_y * 0.55) + 4):
        maker, wall = b.pick(_AGAINST_WALLS), rng.integers(4)
        inset, radius = (1.1 if maker is indoor.bed else 0.45), (1.0 if maker in (indoor.sofa, indoor.bed) else 0.6)
        u = rng.uniform(0.6, (size_x if wall % 2 == 0 else size_y) - 0.6)
        places = ((u, inset, np.pi / 2), (size_x - inset, u, np.pi), (u, size_y - inset, -np.pi / 2), (inset, u, 0.0))
        x, y, yaw = places[wall]
        if free(x, y, radius):
            with b.at((x, y, 0), yaw):
                maker(b)
    for _ in b.some(1, 5):
        x, y = rng.uniform(0.25, 0.75) * size_x, rng.uniform(0.25, 0.75) * size_y
        if free(x, y, 0.8):
            _dining(b, x, y)
    for maker, most in _LOOSE:
        for _ in b.some(0, most + 1):
            x, y = rng.uniform(0.3, size_x - 0.3), rng.uniform(0.3, size_y - 0.3)
            if free(x, y, 0.25):
                yaw = rng.uniform(0, 6.28)
                with b.at((x, y, 0), yaw, rng.uniform(1.0, 1.6) if maker is indoor.small_object else 1.0):
                    maker(b)


def _dining(b: SceneBuilder, x: float, y: float) -> None:
    """A table with chairs, perhaps on a carpet."""
    rng = b.rng
    if b.chance(0.5):
        w, d = rng.uniform(0.7, 1.6, 2)
        b.box((x, y, 0.006), (2 * w, 2 * d, 0.012), b.material("carpet", 0), rng.uniform(0, 3), fit=True)
    with b.at((x, y, 0), rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1)):
        indoor.table(b)
    for _ in b.some(0, 5):
        angle = rng.uniform(0, 6.28)
        place = (x + np.cos(angle) * rng.uniform(0.8, 1.2), y + np.sin(angle) * rng.uniform(0.8, 1.2), 0)
        with b.at(place, angle + np.pi + rng.normal(0, 0.3)):
            indoor.chair(b)


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """Near a wall or corner, looking across the room."""
    size_x, size_y = notes["size_m"]
    x, y = rng.beta(0.5, 0.5) * (size_x - 0.7) + 0.35, rng.beta(0.5, 0.5) * (size_y - 0.7) + 0.35
    target = rng.uniform(0.2, 0.8, 2) * (size_x, size_y)
    yaw = np.arctan2(target[1] - y, target[0] - x) + rng.normal(0, 0.25)
    height = min(rng.uniform(0.9, 1.8) if rng.random() < 0.65 else rng.uniform(0.3, 2.3), notes["height_m"] - 0.2)
    return Pose((x, y, height), yaw, rng.normal(0.12 if height > 1 else 0.0, 0.15), rng.normal(0, 0.05))
