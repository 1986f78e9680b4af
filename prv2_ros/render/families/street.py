# SPDX-License-Identifier: Apache-2.0
"""Streets: a road along x with marks, kerbs, pavements, facades, parked and driving cars, trees, poles, wires."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import daylight
from prv2_ros.render.props import nature, people, street, vehicles
from prv2_ros.render.props.building import house

LENGTH = 150.0
START = -30.0


def build(b: SceneBuilder) -> None:
    """Fill the builder with one street; camera hints go to scene.notes."""
    rng = b.rng
    daylight(b)
    lanes = int(rng.integers(1, 5))
    half = lanes * rng.uniform(2.6, 3.5) / 2 + rng.uniform(0, 2.2)
    walk = [float(rng.uniform(1.2, 5.0)) for _ in range(2)]
    kerb = float(rng.uniform(0.05, 0.18))
    b.scene.notes |= {"half_road_m": half, "walk_m": walk}
    _ground(b, half, walk, kerb, lanes)
    for number, side in enumerate((-1, 1)):
        inner = half + walk[number]
        _facades(b, side, inner, kerb)
        _pavement_things(b, side, half, walk[number], kerb)
    _traffic(b, half, lanes)
    if rng.random() < 0.55:
        _wires(b, half + walk[0] * 0.5, kerb)
    if rng.random() < 0.3:
        _works(b, half)
    if rng.random() < 0.35:
        _end(b, rng.uniform(40, 85), half, kerb)
    if rng.random() < 0.2:
        _bridge(b, rng.uniform(14, 50), half + max(walk))


def _ground(b: SceneBuilder, half: float, walk: list[float], kerb: float, lanes: int) -> None:
    rng = b.rng
    road = b.material("asphalt", rng.uniform(3, 7), specular=0.05)
    b.quad((START, -half, 0), (LENGTH, 0, 0), (0, 2 * half, 0), road)
    stone = b.material("concrete", 1.5)
    paving = b.material(rng.choice(["concrete", "tiles", "brick", "asphalt", "stone"]), rng.uniform(1.0, 2.5))
    verge = b.material(rng.choice(["grass", "soil", "gravel"]), 3.0)
    for number, side in enumerate((-1, 1)):
        b.box((START + LENGTH / 2, side * (half + 0.1), kerb / 2 - 0.2), (LENGTH, 0.2, kerb + 0.4), stone)
        near, far = half + 0.2, half + walk[number]
        y = near if side > 0 else -far
        b.quad((START, y, kerb), (LENGTH, 0, 0), (0, far - near, 0), paving)
        y = far if side > 0 else -far - 60
        b.quad((START, y, kerb - 0.01), (LENGTH, 0, 0), (0, 60, 0), verge)
    b.quad((-220, -260, -0.3), (500, 0, 0), (0, 520, 0), verge)
    if rng.random() < 0.85:
        white = b.plain((0.85, 0.85, 0.8) if rng.random() < 0.8 else (0.85, 0.7, 0.15), 0.1)
        dash, gap, width = rng.uniform(1.5, 4), rng.uniform(2, 7), rng.uniform(0.08, 0.2)
        for k in range(1, lanes):
            y = -half + 2 * half * k / lanes
            for x in np.arange(START, START + LENGTH, dash + gap):
                b.quad((x, y - width / 2, 0.004), (dash, 0, 0), (0, width, 0), white)
        for y in (-half + 0.35, half - 0.35) if rng.random() < 0.5 else ():
            b.quad((START, y - width / 2, 0.004), (LENGTH, 0, 0), (0, width, 0), white)
        if rng.random() < 0.4:
            x = rng.uniform(6, 35)
            for y in np.arange(-half + 0.4, half - 0.4, 1.0):
                b.quad((x, y, 0.005), (3.0, 0, 0), (0, 0.5, 0), white)
    for _ in range(int(rng.integers(0, 5))):
        b.cylinder(
            (rng.uniform(2, 40), rng.uniform(-half, half) * 0.8, -0.05),
            0.056,
            0.33,
            b.material("metal", 0.7, rgb=(0.4, 0.4, 0.4)),
            20,
        )


def _facades(b: SceneBuilder, side: int, inner: float, kerb: float) -> None:
    """A row of buildings, gaps, walls, hedges and gardens on one side."""
    rng = b.rng
    setback = inner + (0 if rng.random() < 0.5 else rng.uniform(1, 9))
    dense, x = rng.uniform(0.35, 1.0), START
    while x < START + LENGTH:
        wide = rng.uniform(7, 22)
        if rng.random() < dense:
            house(b, x, wide, side, setback + rng.choice([0, 0, 0.6, 2.0]), kerb)
        else:
            for _ in range(int(rng.integers(1, 4))):
                with b.at(
                    (x + rng.uniform(0, wide), side * (setback + rng.uniform(2, 14)), kerb), rng.uniform(0, 6.28)
                ):
                    nature.tree(b)
        if setback > inner + 0.8 and rng.random() < 0.6:
            with b.at((x + wide / 2, side * (inner + 0.3), kerb), 0 if side > 0 else np.pi):
                kind = rng.integers(4)
                if kind == 0:
                    nature.hedge(b, wide * 0.9, rng.uniform(0.7, 1.8), 0.6)
                elif kind == 1:
                    street.fence(b, wide * 0.9)
                elif kind == 2:
                    b.block(
                        (0, 0, 0),
                        (wide * 0.9, 0.25, rng.uniform(0.5, 1.9)),
                        b.material(rng.choice(["brick", "plaster", "stone"]), 1.5),
                    )
                else:
                    street.railing(b, wide * 0.9, rng.uniform(0.8, 1.5))
        x += wide + (0 if rng.random() < 0.6 else rng.uniform(0.5, 6))


def _pavement_things(b: SceneBuilder, side: int, half: float, walk: float, kerb: float) -> None:
    rng = b.rng
    edge, middle = side * (half + 0.55), side * (half + walk * 0.55)
    facing = -side * np.pi / 2
    if rng.random() < 0.7:
        gap = rng.uniform(9, 25)
        for x in np.arange(START + rng.uniform(0, gap), START + LENGTH, gap):
            with b.at((x, edge, kerb), facing):
                street.lamp_post(b)
    if rng.random() < 0.6 and walk > 1.6:
        gap = rng.uniform(6, 14)
        for x in np.arange(START + rng.uniform(0, gap), START + LENGTH * 0.7, gap):
            if rng.random() < 0.8:
                with b.at((x, edge + side * 0.3, kerb), rng.uniform(0, 6.28)):
                    nature.tree(b, rng.uniform(3.5, 9))
    if rng.random() < 0.35:
        with b.at((rng.uniform(0, 25), side * (half + 0.4), kerb)):
            street.railing(b, rng.uniform(4, 18), rng.uniform(0.8, 1.1))
    makers = [
        street.sign,
        street.sign,
        street.bin_,
        street.bench,
        street.bollard,
        street.traffic_light,
        vehicles.bicycle,
        nature.shrub,
        people.person,
        people.person,
        people.person,
    ]
    for _ in range(int(rng.integers(5, 22))):
        maker = makers[rng.integers(len(makers))]
        y = (
            edge
            if maker in (street.sign, street.traffic_light, street.bollard)
            else middle + side * rng.uniform(-0.3, 0.35) * walk
        )
        yaw = np.pi if maker in (street.sign, street.traffic_light) else rng.uniform(0, 6.28)
        with b.at((rng.uniform(1, 45), y, kerb), yaw):
            maker(b)


def _traffic(b: SceneBuilder, half: float, lanes: int) -> None:
    rng = b.rng
    for side in (-1, 1):
        if rng.random() < 0.75:
            x = START + rng.uniform(0, 8)
            fill = rng.uniform(0.3, 0.95)
            while x < START + LENGTH * 0.75:
                if rng.random() < fill:
                    with b.at((x, side * (half - 1.0), 0), (0 if side < 0 else np.pi) + rng.normal(0, 0.02)):
                        (vehicles.van if rng.random() < 0.15 else vehicles.car)(b)
                x += rng.uniform(5.6, 8.5)
    for number in range(int(rng.integers(0, 4))):
        y = half * (rng.uniform(-0.45, 0.45) if lanes > 1 else 0)
        ahead = y < 0
        speed = rng.uniform(3, 12) * (1 if ahead else -1)
        with (
            b.moving(f"traffic{number}", (speed, 0, 0)),
            b.at((9 + 16 * number + rng.uniform(0, 9), y, 0), 0 if ahead else np.pi),
        ):
            (vehicles.van if rng.random() < 0.25 else vehicles.car)(b)
    for number in range(int(rng.integers(0, 4))):
        y = rng.uniform(-1, 1) * max(half - 2.8, 0.3)  # between the rows of parked cars, walking away from the nearer
        heading = -1.0 if y > 0 else 1.0
        place = (rng.uniform(5, 30), y, 0)
        with b.moving(f"crossing{number}", (0, 1.3 * heading, 0)), b.at(place, heading * np.pi / 2):
            people.person(b)


def _wires(b: SceneBuilder, y: float, kerb: float) -> None:
    rng = b.rng
    height, span, side = rng.uniform(6, 9), rng.uniform(18, 32), rng.choice([-1, 1])
    wire, before = b.plain((0.05, 0.05, 0.05)), None
    for x in np.arange(START, START + LENGTH, span):
        place = np.array([x, side * y, kerb])
        with b.at(place):
            hooks = [place + hook for hook in street.utility_pole(b, height)]
        if before is not None:
            for p, q in zip(before, hooks, strict=True):
                b.wire(p, q, rng.uniform(0.2, 0.9), 0.012, wire)
        if rng.random() < 0.5:
            b.wire(hooks[0], (x + rng.uniform(-4, 4), -side * y * 1.6, rng.uniform(4, 7)), 0.3, 0.01, wire)
        before = hooks


def _works(b: SceneBuilder, half: float) -> None:
    rng = b.rng
    x, y = rng.uniform(5, 25), rng.choice([-1, 1]) * half * 0.6
    for k in range(int(rng.integers(3, 8))):
        with b.at((x + k * 1.3, y + rng.normal(0, 0.15), 0)):
            street.cone(b)
    with b.at((x + 3, y * 1.1, 0), rng.uniform(-0.3, 0.3)):
        street.railing(b, 3.0, 1.1)


def _end(b: SceneBuilder, x: float, half: float, kerb: float) -> None:
    """The road ends at a cross street: a row of houses and parked cars across it."""
    rng = b.rng
    with b.at((x + 8, 0, 0), -np.pi / 2):
        for k in range(-3, 4):
            if rng.random() < 0.85:
                house(b, k * 14.0 + rng.uniform(-2, 1), rng.uniform(9, 13), 1, 0.0, kerb)
    for k in range(-3, 4):
        if rng.random() < 0.5:
            with b.at((x + 5.5, k * 7.0 + rng.normal(0, 1), 0.01), rng.choice([-1, 1]) * np.pi / 2):
                vehicles.car(b)
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
