# SPDX-License-Identifier: Apache-2.0
"""Streets: road, pavements, buildings, street furniture, trees, traffic and people."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import daylight
from prv2_ros.render.props import street
from prv2_ros.render.props.building import house
from prv2_ros.render.props.nature import hedge, shrub, tree
from prv2_ros.render.props.people import person
from prv2_ros.render.props.vehicles import bicycle, car, car_or_van

LENGTH = 150.0
START = -30.0
END = START + LENGTH

_PAVEMENT = (street.sign, street.sign, street.bin_, street.bench, street.bollard, street.traffic_light)
_PAVEMENT += (bicycle, shrub, person, person, person)


def build(b: SceneBuilder) -> None:
    """Fill the builder with one street; camera hints go to scene.notes."""
    rng = b.rng
    daylight(b)
    lanes = int(rng.integers(1, 5))
    half = lanes * rng.uniform(2.6, 3.5) / 2 + rng.uniform(0, 2.2)
    walk = [float(rng.uniform(1.2, 5.0)) for _ in range(2)]
    kerb = float(rng.uniform(0.05, 0.18))
    b.scene.notes |= {"half_road_m": half, "walk_m": walk}
    _ground(b, half, walk, kerb)
    if b.chance(0.85):
        _marks(b, half, lanes)
    for _ in b.some(0, 5):  # manholes
        place = (rng.uniform(2, 40), rng.uniform(-half, half) * 0.8, -0.05)
        b.cylinder(place, 0.056, 0.33, b.material("metal", 0.7, rgb=(0.4, 0.4, 0.4)), 20)
    for side, width in zip((-1, 1), walk, strict=True):
        _facades(b, side, half + width, kerb)
        _pavement_things(b, side, half, width, kerb)
    _traffic(b, half, lanes)
    if b.chance(0.55):
        _wires(b, half + walk[0] * 0.5, kerb)
    if b.chance(0.3):
        _works(b, half)
    if b.chance(0.35):
        _end(b, rng.uniform(40, 85), kerb)
    if b.chance(0.2):
        _bridge(b, rng.uniform(14, 50), half + max(walk))


def _ground(b: SceneBuilder, half: float, walk: list[float], kerb: float) -> None:
    rng = b.rng
    road = b.material("asphalt", rng.uniform(3, 7), specular=0.05)
    b.quad((START, -half, 0), (LENGTH, 0, 0), (0, 2 * half, 0), road)
    stone = b.material("concrete", 1.5)
    paving = b.material(rng.choice(["concrete", "tiles", "brick", "asphalt", "stone"]), rng.uniform(1.0, 2.5))
    verge = b.material(rng.choice(["grass", "soil", "gravel"]), 3.0)
    for side, width in zip((-1, 1), walk, strict=True):
        b.box((START + LENGTH / 2, side * (half + 0.1), kerb / 2 - 0.2), (LENGTH, 0.2, kerb + 0.4), stone)
        near, far = half + 0.2, half + width
        b.quad((START, near if side > 0 else -far, kerb), (LENGTH, 0, 0), (0, far - near, 0), paving)
        b.quad((START, far if side > 0 else -far - 60, kerb - 0.01), (LENGTH, 0, 0), (0, 60, 0), verge)
    b.quad((-220, -260, -0.3), (500, 0, 0), (0, 520, 0), verge)


def _marks(b: SceneBuilder, half: float, lanes: int) -> None:
    """Dashed lines between the lanes, perhaps lines at the edges and a crossing."""
    rng = b.rng
    white = b.plain((0.85, 0.85, 0.8) if b.chance(0.8) else (0.85, 0.7, 0.15), 0.1)
    dash, gap, width = rng.uniform(1.5, 4), rng.uniform(2, 7), rng.uniform(0.08, 0.2)
    for k in range(1, lanes):
        y = -half + 2 * half * k / lanes
        for x in np.arange(START, END, dash + gap):
            b.quad((x, y - width / 2, 0.004), (dash, 0, 0), (0, width, 0), white)
    for y in (-half + 0.35, half - 0.35) if b.chance(0.5) else ():
        b.quad((START, y - width / 2, 0.004), (LENGTH, 0, 0), (0, width, 0), white)
    if b.chance(0.4):
        x = rng.uniform(6, 35)
        for y in np.arange(-half + 0.4, half - 0.4, 1.0):
            b.quad((x, y, 0.005), (3.0, 0, 0), (0, 0.5, 0), white)


def _facades(b: SceneBuilder, side: int, inner: float, kerb: float) -> None:
    """A row of buildings, gaps, walls, hedges and gardens on one side."""
    rng = b.rng
    setback = inner + (0 if b.chance(0.5) else rng.uniform(1, 9))
    dense, x = rng.uniform(0.35, 1.0), START
    while x < END:
        wide = rng.uniform(7, 22)
        if b.chance(dense):
            house(b, x, wide, side, setback + rng.choice([0, 0, 0.6, 2.0]), kerb)
        else:
            for _ in b.some(1, 4):
                with b.turned((x + rng.uniform(0, wide), side * (setback + rng.uniform(2, 14)), kerb)):
                    tree(b)
        if setback > inner + 0.8 and b.chance(0.6):
            with b.at((x + wide / 2, side * (inner + 0.3), kerb), 0 if side > 0 else np.pi):
                _border(b, wide * 0.9)
        x += wide + (0 if b.chance(0.6) else rng.uniform(0.5, 6))


def _border(b: SceneBuilder, length: float) -> None:
    """A hedge, fence, wall or railing in front of a garden."""
    rng = b.rng
    kind = rng.integers(4)
    if kind == 0:
        hedge(b, length, rng.uniform(0.7, 1.8), 0.6)
    elif kind == 1:
        street.fence(b, length)
    elif kind == 2:
        height = rng.uniform(0.5, 1.9)
        b.block((0, 0, 0), (length, 0.25, height), b.material(rng.choice(["brick", "plaster", "stone"]), 1.5))
    else:
        street.railing(b, length, rng.uniform(0.8, 1.5))


def _pavement_things(b: SceneBuilder, side: int, half: float, walk: float, kerb: float) -> None:
    rng = b.rng
    edge, middle = side * (half + 0.55), side * (half + walk * 0.55)
    if b.chance(0.7):
        gap = rng.uniform(9, 25)
        for x in np.arange(START + rng.uniform(0, gap), END, gap):
            with b.at((x, edge, kerb), -side * np.pi / 2):
                street.lamp_post(b)
    if b.chance(0.6) and walk > 1.6:
        gap = rng.uniform(6, 14)
        for x in np.arange(START + rng.uniform(0, gap), START + LENGTH * 0.7, gap):
            if b.chance(0.8):
                with b.turned((x, edge + side * 0.3, kerb)):
                    tree(b, rng.uniform(3.5, 9))
    if b.chance(0.35):
        with b.at((rng.uniform(0, 25), side * (half + 0.4), kerb)):
            street.railing(b, rng.uniform(4, 18), rng.uniform(0.8, 1.1))
    for _ in b.some(5, 22):
        maker = b.pick(_PAVEMENT)
        at_edge = maker in (street.sign, street.traffic_light, street.bollard)
        y = edge if at_edge else middle + side * rng.uniform(-0.3, 0.35) * walk
        yaw = np.pi if maker in (street.sign, street.traffic_light) else rng.uniform(0, 6.28)
        with b.at((rng.uniform(1, 45), y, kerb), yaw):
            maker(b)


def _traffic(b: SceneBuilder, half: float, lanes: int) -> None:
    """Parked cars along the kerbs, moving vehicles, and people who cross the road."""
    rng = b.rng
    for side in (-1, 1):
        if b.chance(0.75):
            x = START + rng.uniform(0, 8)
            fill = rng.uniform(0.3, 0.95)
            while x < START + LENGTH * 0.75:
                if b.chance(fill):
                    with b.at((x, side * (half - 1.0), 0), (0 if side < 0 else np.pi) + rng.normal(0, 0.02)):
                        car_or_van(b, 0.15)
                x += rng.uniform(5.6, 8.5)
    for number in b.some(0, 4):
        y = half * (rng.uniform(-0.45, 0.45) if lanes > 1 else 0)
        ahead = y < 0
        speed = rng.uniform(3, 12) * (1 if ahead else -1)
        place = (9 + 16 * number + rng.uniform(0, 9), y, 0)
        with b.moving(f"traffic{number}", (speed, 0, 0)), b.at(place, 0 if ahead else np.pi):
            car_or_van(b, 0.25)
    for number in b.some(0, 4):
        y = rng.uniform(-1, 1) * max(half - 2.8, 0.3)  # between the rows of parked cars, walking away from the nearer
        heading = -1.0 if y > 0 else 1.0
        place = (rng.uniform(5, 30), y, 0)
        with b.moving(f"crossing{number}", (0, 1.3 * heading, 0)), b.at(place, heading * np.pi / 2):
            person(b)


def _wires(b: SceneBuilder, y: float, kerb: float) -> None:
    rng = b.rng
    height, span, side = rng.uniform(6, 9), rng.uniform(18, 32), rng.choice([-1, 1])
    wire = b.plain((0.05, 0.05, 0.05))
    places = [np.array([x, side * y, kerb]) for x in np.arange(START, END, span)]
    for place, hooks in zip(places, street.power_line(b, places, height, wire, (0.2, 0.9)), strict=True):
        if b.chance(0.5):
            end = (place[0] + rng.uniform(-4, 4), -side * y * 1.6, rng.uniform(4, 7))
            b.wire(hooks[0], end, 0.3, 0.01, wire)


def _works(b: SceneBuilder, half: float) -> None:
    rng = b.rng
    x, y = rng.uniform(5, 25), rng.choice([-1, 1]) * half * 0.6
    for k in b.some(3, 8):
        with b.at((x + k * 1.3, y + rng.normal(0, 0.15), 0)):
            street.cone(b)
    with b.at((x + 3, y * 1.1, 0), rng.uniform(-0.3, 0.3)):
        street.railing(b, 3.0, 1.1)


def _end(b: SceneBuilder, x: float, kerb: float) -> None:
    """The road ends at a cross street: a row of houses and parked cars across it."""
    rng = b.rng
    with b.at((x + 8, 0, 0), -np.pi / 2):
        for k in range(-3, 4):
            if b.chance(0.85):
                house(b, k * 14.0 + rng.uniform(-2, 1), rng.uniform(9, 13), 1, 0.0, kerb)
    for k in range(-3, 4):
        if b.chance(0.5):
            with b.at((x + 5.5, k * 7.0 + rng.normal(0, 1), 0.01), rng.choice([-1, 1]) * np.pi / 2):
                car(b)
    b.quad((x, -60, 0.006), (7, 0, 0), (0, 120, 0), b.material("asphalt", 4.0))


def _bridge(b: SceneBuilder, x: float, reach: float) -> None:
    """A bridge over the road, on columns, with a railing."""
    rng = b.rng
    clear, deep = rng.uniform(4.0, 5.5), rng.uniform(3, 9)
    stone = b.material(rng.choice(["concrete", "brick", "stone"]), 2.5)
    b.box((x, 0, clear + 0.5), (deep, 2 * reach + 16, 1.0), stone)
    for y in (-reach - 1, reach + 1, 0.0 if reach > 9 else reach + 1.2):
        for dx in (-0.35, 0.35):
            b.cylinder((x + dx * deep, y, -0.1), clear + 0.2, rng.uniform(0.3, 0.6), stone, 18)
    for dx in (-0.5, 0.5):
        with b.at((x + dx * deep, 0, clear + 1.0), np.pi / 2):
            street.railing(b, 2 * reach + 14, 1.1)


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """On the road like a car's camera, or on the pavement like a walking robot's."""
    half = notes["half_road_m"]
    yaw = rng.normal(0, 0.35) if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi)
    y = rng.uniform(-1, 1) * half * 0.75
    low = 0.0
    if rng.random() < 0.3:
        number = int(rng.integers(2))
        y, low = (-1, 1)[number] * (half + 0.3 + rng.uniform(0, 0.8) * notes["walk_m"][number]), 0.15
    height = low + (rng.uniform(1.1, 2.0) if rng.random() < 0.6 else rng.uniform(0.3, 3.0))
    return Pose((rng.uniform(-6, 30), y, height), yaw, rng.normal(0.03, 0.1), rng.normal(0, 0.03))
