# SPDX-License-Identifier: Apache-2.0
"""Open land: hills, trees, rocks, sheds, fences, woods and building sites."""

import cv2
import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import daylight
from prv2_ros.render.props.building import barn
from prv2_ros.render.props.indoor import chair, stairs, table
from prv2_ros.render.props.nature import log_pile, rock, shrub, tree, tuft
from prv2_ros.render.props.people import person
from prv2_ros.render.props.storage import load, pallet
from prv2_ros.render.props.street import bench, bin_, cone, fence, power_line, sign
from prv2_ros.render.props.vehicles import bicycle, car
from prv2_ros.render.shapes import terrain
from prv2_ros.render.textures.noise import spectral

SIDE = 160.0
GRID = 192


class Land:
    """The height field and places on it."""

    def __init__(self, b: SceneBuilder) -> None:
        rng = b.rng
        height = spectral(rng, GRID, 3.4) * rng.uniform(0.1, 1.6)
        height = cv2.GaussianBlur(height, (0, 0), 2.0) + spectral(rng, GRID, 1.5) * 0.015
        height -= height[GRID // 2, GRID // 2]
        axis = np.linspace(-1, 1, GRID) * SIDE / 2
        if b.chance(0.5):  # hills towards the horizon
            far = np.clip(np.hypot(axis[None], axis[:, None]) - 35, 0, None) ** 1.3 * 0.05
            height += far * rng.uniform(0, 1) * (1 + 0.5 * spectral(rng, GRID, 3.5))
        self.b, self.height = b, height.astype(np.float32)

    def ground(self, x: float, y: float) -> float:
        """Height of the ground."""
        column, row = (np.array([x, y]) / SIDE + 0.5) * (GRID - 1)
        return float(cv2.getRectSubPix(self.height, (1, 1), (float(column), float(row)))[0, 0])

    def put(self, x: float, y: float, sink: float, maker, *arguments) -> None:
        """Place what `maker` makes, turned at random, `sink` metres into the ground."""
        with self.b.turned((x, y, self.ground(x, y) - sink)):
            maker(self.b, *arguments)


def _polar(far: float, angle: float) -> tuple[float, float]:
    return far * np.cos(angle), far * np.sin(angle)


def build(b: SceneBuilder) -> None:
    """Fill the builder with one plot of land."""
    rng = b.rng
    daylight(b)
    land = Land(b)
    soil = b.material(rng.choice(["grass", "grass", "soil", "gravel", "stone"]), rng.uniform(2, 4), specular=0.02)
    b.add(terrain(land.height, SIDE, SIDE), soil)
    b.quad((-900, -900, float(land.height.min()) - 1.0), (1800, 0, 0), (0, 1800, 0), soil)
    b.scene.notes["ground"] = np.round(land.height, 3)
    density = rng.dirichlet(np.ones(8) * 0.7)
    makers = (tree, shrub, rock, tuft, fence, _junk, log_pile, _person_or_post)
    for _ in b.some(60, 130):
        place = _polar(2.0 + 48 * rng.random() ** 1.4, rng.uniform(0, 6.28))
        land.put(*place, 0.03, makers[rng.choice(8, p=density * 0.75 + 0.25 / 8)])
    if b.chance(0.25):
        _wood(b, land)
    elif b.chance(0.2):
        _site(b, land)
    for _ in b.some(0, 120):
        x, y = rng.normal(0, 5, 2)
        land.put(x, y, 0.02, _tuft_or_pebble)
    for _ in b.some(0, 4):
        angle = rng.uniform(0, 6.28)
        land.put(*_polar(rng.uniform(9, 40), angle), 0.2, _barn_or_car)
    if b.chance(0.5):
        _line(b, land)
    if b.chance(0.5):  # a wood in the distance
        for angle in np.arange(0, 6.28, rng.uniform(0.12, 0.4)):
            x, y = _polar(rng.uniform(38, 70), angle)
            with b.at((x, y, land.ground(x, y) - 0.1)):
                tree(b, rng.uniform(5, 14))


def _tuft_or_pebble(b: SceneBuilder) -> None:
    if b.chance(0.75):
        tuft(b)
    else:
        rock(b, b.rng.uniform(0.05, 0.2))


def _barn_or_car(b: SceneBuilder) -> None:
    (barn if b.chance(0.75) else car)(b)


def _person_or_post(b: SceneBuilder) -> None:
    if b.chance(0.4):
        person(b)
    elif b.chance(0.5):
        sign(b)
    else:
        b.cylinder((0, 0, 0), b.rng.uniform(1, 4), b.rng.uniform(0.04, 0.12), b.material("bark", 1.0), 8)


def _junk(b: SceneBuilder) -> None:
    b.pick((pallet, load, bin_, bench, cone, stairs, bicycle, chair, table))(b)


def _wood(b: SceneBuilder, land: Land) -> None:
    """Trunks all around, undergrowth, fallen stems."""
    rng = b.rng
    for _ in b.some(25, 50):
        x, y = _polar(rng.uniform(3.5, 34), rng.uniform(0, 6.28))
        with b.turned((x, y, land.ground(x, y) - 0.05)):
            tree(b, rng.uniform(7, 16))
    bark = b.material("bark", 1.2, 0.3)
    for _ in b.some(0, 7):
        x, y = rng.normal(0, 8, 2)
        dx, dy = rng.normal(0, 2.5, 2)
        end = (x + dx, y + dy, land.ground(x + dx, y + dy) + rng.uniform(0.1, 0.9))
        b.rod((x, y, land.ground(x, y) + 0.12), end, rng.uniform(0.05, 0.2), bark, 9)


def _site(b: SceneBuilder, land: Land) -> None:
    """A building site: scaffolding in front of a raw wall, piles of boards, barriers."""
    rng = b.rng
    yaw, far = rng.uniform(0, 6.28), rng.uniform(7, 18)
    x, y = _polar(far, yaw)
    steel, board = b.plain((0.55, 0.57, 0.6), 0.5), b.material("planks", 1.5)
    with b.at((x, y, land.ground(x, y) - 0.2), yaw + np.pi / 2):
        bays, levels = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        wide = bays * 2.5
        b.block((0, -1.9, 0), (wide + 1, 0.3, levels * 2.1 + 0.8), b.material(rng.choice(["brick", "concrete"]), 1.5))
        for k in range(bays + 1):
            for dy in (0.0, 1.1):
                b.cylinder((k * 2.5 - wide / 2, dy - 1.1, 0), levels * 2.1 + 1.0, 0.025, steel, 7)
        for z in (level * 2.1 for level in range(1, levels + 1)):
            b.box((0, -0.55, z), (wide, 1.0, 0.05), board)
            for dz in (0.0, 0.5, 1.0):
                for dy in (-1.1, 0.0):
                    b.rod((-wide / 2, dy, z + dz), (wide / 2, dy, z + dz), 0.022, steel, 6)
            for k in range(bays):
                if b.chance(0.5):
                    b.rod((k * 2.5 - wide / 2, 0, z - 2.1), ((k + 1) * 2.5 - wide / 2, 0, z), 0.02, steel, 6)
    for _ in b.some(2, 9):
        px, py = rng.normal(0, 7, 2)
        with b.turned((px, py, land.ground(px, py))):
            b.pick((cone, pallet, _boards, _boards, bin_, stairs))(b)


def _boards(b: SceneBuilder) -> None:
    rng = b.rng
    wood = b.material("wood", 1.5, 0.2)
    for level in b.some(1, 7):
        for k in range(4):
            place = (rng.normal(0, 0.06), k * 0.2, 0.03 + level * 0.05)
            b.box(place, (rng.uniform(2.0, 3.2), 0.18, 0.04), wood, rng.normal(0, 0.02))


def _line(b: SceneBuilder, land: Land) -> None:
    """Poles and wires across the land."""
    rng = b.rng
    yaw, offset, height = rng.uniform(0, 3.14), rng.uniform(4, 15), rng.uniform(5, 9)
    along, across = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    spots = [along * distance + across * offset for distance in np.arange(-66, 67, 22.0)]
    on_land = [max(abs(x), abs(y)) <= SIDE / 2 - 2 for x, y in spots]
    places = [np.array([x, y, land.ground(x, y)]) if on else None for (x, y), on in zip(spots, on_land, strict=True)]
    for _ in power_line(b, places, height, b.plain((0.06, 0.06, 0.06)), (0.3, 0.9), yaw):
        pass


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """Anywhere near the middle, looking anywhere."""
    x, y = rng.normal(0, 6, 2)
    row, column = ((np.array([y, x]) / SIDE + 0.5) * (GRID - 1)).round().astype(int)
    height = rng.uniform(0.8, 1.9) if rng.random() < 0.6 else rng.uniform(0.3, 3.0)
    place = (x, y, float(notes["ground"][row, column]) + height)
    return Pose(place, rng.uniform(-np.pi, np.pi), rng.normal(0.04, 0.12), rng.normal(0, 0.05))
