# SPDX-License-Identifier: Apache-2.0
"""Halls with pallet racks, and parking garages."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.camera import Pose
from prv2_ros.render.lighting import lamps
from prv2_ros.render.props.indoor import chair, clutter, stairs
from prv2_ros.render.props.people import person
from prv2_ros.render.props.storage import load, loaded_pallet, pallet
from prv2_ros.render.props.street import bin_, cone, sign
from prv2_ros.render.props.vehicles import car, forklift, van

_IN_AISLES = (forklift, person, person, pallet, stairs, cone, bin_, loaded_pallet, loaded_pallet, chair)
_UPRIGHTS = ((0.1, 0.2, 0.5), (0.45, 0.47, 0.5), (0.1, 0.35, 0.25), (0.6, 0.1, 0.08))
_BEAMS = ((0.9, 0.45, 0.05), (0.5, 0.52, 0.55), (0.85, 0.75, 0.1))


def build(b: SceneBuilder) -> None:
    """Fill the builder with one hall; aisles run along x."""
    rng = b.rng
    if b.chance(0.18):
        _garage(b)
        return
    length, aisle = rng.uniform(24, 60), rng.uniform(2.4, 4.5)
    deep, rows = rng.uniform(0.9, 1.3), int(rng.integers(2, 5))
    pitch = aisle + 2 * deep + 0.2
    width, height = rows * pitch + rng.uniform(0.5, 6), rng.uniform(4.0, 10)
    daylit = b.chance(0.4)
    _hall(b, length, width, height, daylit)
    places = [(x, y, height - 0.6) for x in np.arange(4, length, 7) for y in np.arange(-width / 2 + 3, width / 2, 5)]
    lamps(b, places, daylit)
    aisles = []
    kinds = rng.choice(3, p=[0.62, 0.2, 0.18])
    for row in range(rows):
        y = (row - (rows - 1) / 2) * pitch
        aisles.append(float(y))
        for side in (-1, 1):
            rack_y = y + side * (aisle / 2 + deep / 2)
            if kinds == 2 and b.chance(0.6):
                _floor_storage(b, 2, length - 2, rack_y)
            else:
                start, end = rng.uniform(1, 4), length - rng.uniform(1, 8)
                _rack(b, start, end, rack_y, deep, min(height - 0.8, rng.uniform(2.0, 7)))
    b.scene.notes |= {"aisles_y_m": aisles, "aisle_m": aisle, "length_m": length}
    for _ in b.some(3, 14):
        with b.turned((rng.uniform(3, length - 2), b.pick(aisles) + rng.uniform(-0.36, 0.36) * aisle, 0)):
            b.pick(_IN_AISLES)(b)


def _hall(b: SceneBuilder, length: float, width: float, height: float, daylit: bool) -> None:
    rng = b.rng
    kinds = ["concrete", "concrete", "asphalt", "tiles"]
    floor = b.material(rng.choice(kinds), rng.uniform(3, 6), specular=0.3, shininess=0.5)
    wall = b.material(rng.choice(["corrugated", "brick", "concrete", "plaster"]), rng.uniform(1.5, 4))
    roof = b.material(rng.choice(["corrugated", "concrete"]), 3.0)
    steel = b.plain(rng.uniform(0.15, 0.85) * np.ones(3), 0.3)
    w, whole = width / 2, length + 4
    b.quad((-2, -w, 0), (whole, 0, 0), (0, width, 0), floor)
    b.quad((-2, w, 0), (whole, 0, 0), (0, 0, height), wall)
    b.quad((whole - 2, -w, 0), (-whole, 0, 0), (0, 0, height), wall)
    gate = rng.uniform(3, 5) if b.chance(0.5) else 0.0
    for x, sign_ in ((-2, 1), (length + 2, -1)):
        half = gate / 2 if sign_ < 0 else 0.0
        for y0, y1, z0 in ((-w, -half, 0.0), (half, w, 0.0), (-half, half, gate * 0.9)):
            if y1 - y0 >= 0.01:
                start = (x, y0 if sign_ > 0 else y1, z0)
                b.quad(start, (0, sign_ * (y1 - y0), 0), (0, 0, height - z0), wall)
    if gate:
        b.quad((length + 2, -60, -0.05), (150, 0, 0), (0, 120, 0), b.material("asphalt", 4.0))
        with b.turned((length + rng.uniform(12, 30), rng.uniform(-3, 3), 0)):
            van(b)
    if daylit:  # skylights: strips of the roof are missing
        for x in np.arange(-2, length + 2, 6.0):
            b.quad((x, -w, height), (0, width, 0), (4.6, 0, 0), roof)
    else:
        b.quad((-2, -w, height), (0, width, 0), (whole, 0, 0), roof)
    spacing, low, high = rng.uniform(4, 8), height - 0.95, height - 0.35
    for x in np.arange(0, length, spacing):
        b.boxes(steel, ((x, 0, high), (0.2, width, 0.12)), ((x, 0, low), (0.16, width, 0.08)))
        for y in np.arange(-w, w - 1.2, 1.2):
            b.tube([(x, y, low), (x, y + 0.6, high), (x, y + 1.2, low)], 0.03, steel, 5)
        for y in (-w + 0.15, w - 0.15):
            b.block((x, y, 0), (0.3, 0.3, height), steel)
    glow = b.plain((1, 1, 0.97), emission=0.9)
    for x in np.arange(2, length, spacing):
        for y in np.arange(-w + 2, w, 5):
            b.box((x + 1.5, y, height - 1.05), (1.5, 0.16, 0.08), glow)
            for dx in (-0.6, 0.6):
                b.cylinder((x + 1.5 + dx, y, height - 1.0), 1.0, 0.006, steel, 4)
    if b.chance(0.6):
        z, y = height - rng.uniform(1.2, 2), rng.uniform(-w, w) * 0.8
        b.rod((-2, y, z), (length + 2, y, z), rng.uniform(0.05, 0.3), b.material("metal", 1.5), 12)
    stripe = b.plain((0.85, 0.7, 0.1))
    for y in np.arange(-w + 1.5, w, rng.uniform(2.5, 5)):
        b.quad((0, y, 0.004), (length, 0, 0), (0, 0.1, 0), stripe)


def _garage(b: SceneBuilder) -> None:
    """Parking floor: low ceiling, columns, cars, pipes, marks, signs."""
    rng = b.rng
    length, width, height = rng.uniform(30, 60), rng.uniform(15, 24), rng.uniform(2.4, 3.2)
    concrete, steel = b.material("concrete", 3.0), b.material("metal", 1.5)
    _hall(b, length, width, height + 0.9, False)
    b.quad((-2, -width / 2, height), (0, width, 0), (length + 4, 0, 0), concrete)
    lamps(b, [(x, y, height - 0.3) for x in np.arange(4, length, 8) for y in (-width / 4, width / 4)], False)
    paint = b.plain(b.pick(((0.85, 0.85, 0.8), (0.85, 0.7, 0.1))))
    glow, fill = b.plain((1, 1, 0.95), emission=0.9), rng.uniform(0.3, 0.95)
    band = b.plain()
    for x in np.arange(1.5, length, 2.6):
        for side in (-1, 1):
            y = side * (width / 2 - 2.6)
            b.quad((x - 1.35, y - 2.4, 0.004), (0.1, 0, 0), (0, 4.8, 0), paint)
            if b.chance(fill):
                with b.at((x, y, 0), rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.03)):
                    (van if height > 3 and b.chance(0.05) else car)(b)
    for x in np.arange(2.8, length, 5.2):
        for y in (-width / 2 + 5.2, width / 2 - 5.2):
            b.block((x, y, 0), (0.45, 0.45, height), concrete)
            b.block((x, y, 0.4), (0.47, 0.47, 0.5), band)
        b.box((x, 0, height - 0.15), (0.35, width, 0.3), concrete)
        b.box((x + 2, 0, height - 0.06), (1.2, 0.12, 0.07), glow)
    for _ in b.some(1, 5):
        y, z = rng.uniform(-0.4, 0.4) * width, height - 0.36
        b.rod((-2, y, z), (length + 2, y, z), rng.uniform(0.03, 0.12), steel, 10)
    for _ in b.some(1, 6):
        with b.turned((rng.uniform(4, length), rng.uniform(-1, 1) * 2.5, 0)):
            b.pick((person, cone, sign, bin_))(b)
    b.scene.notes |= {"aisles_y_m": [0.0], "aisle_m": 4.5, "length_m": length}


def _rack(b: SceneBuilder, start: float, end: float, y: float, deep: float, height: float) -> None:
    rng = b.rng
    bay, levels = rng.uniform(1.8, 2.9), max(2, int(height / rng.uniform(0.7, 1.7)))
    upright, beam = b.plain(b.pick(_UPRIGHTS), 0.3), b.plain(b.pick(_BEAMS), 0.3)
    deck, fill = b.material(rng.choice(["planks", "metal", "wood"]), 1.5), rng.uniform(0.35, 0.95)
    gap = height / levels
    bays = max(1, int((end - start) / bay))
    for k in range(bays + 1):
        x = start + k * bay
        for d in (-1, 1):
            b.block((x, y + d * deep / 2, 0), (0.08, 0.06, height + 0.1), upright)
        zig = [(x, y + (-1) ** j * deep / 2, 0.15 + j * 0.55) for j in range(int(height / 0.55))]
        for p, q in zip(zig, zig[1:]):
            b.rod(p, q, 0.014, upright, 4)
    for k, level in np.ndindex(bays, levels):
        x, z = start + (k + 0.5) * bay, level * gap
        if level:
            for d in (-1, 1):
                b.box((x, y + d * deep / 2, z), (bay - 0.08, 0.05, 0.11), beam)
            b.box((x, y, z + 0.05), (bay - 0.08, deep, 0.02), deck)
        if rng.random() <= fill:
            _goods(b, (x, y, z + 0.06), bay, deep, gap - (0.3 if level else 0.2))
    if b.chance(0.5):
        b.box((start, y, min(height, 2.2)), (0.03, deep * 0.6, 0.5), b.material("sign", 0), fit=True)


def _goods(b: SceneBuilder, place, bay: float, deep: float, room: float) -> None:
    """One shelf's goods, up to `room` metres high: a block, loads (on pallets), or small things."""
    rng = b.rng
    x, y, z = place
    if x > 22:  # coarse goods far away keep the triangle count down
        size = (bay * rng.uniform(0.4, 0.9), deep * 0.85, room * rng.uniform(0.5, 0.95))
        b.block(place, size, b.material("carton", 0, 0.25), fit=True)
    elif b.chance(0.7):
        for part in (-0.25, 0.25):
            if not b.chance(0.9):
                continue
            with b.at((x + part * bay, y, z), rng.normal(0, 0.02)):
                if room > 0.5 and b.chance(0.6):
                    b.block((0, 0, 0), (bay * 0.44, deep * 0.95, 0.12), b.material("planks", 1.5))
                    with b.at((0, 0, 0.12)):
                        load(b, bay * 0.42, deep * 0.9, room * rng.uniform(0.4, 0.9) - 0.1)
                else:
                    load(b, bay * 0.42, deep * 0.9, room * rng.uniform(0.4, 0.95))
    else:
        clutter(b, place, bay * 0.42, deep * 0.35, int(rng.integers(3, 9)), min(2.0, room * 2.5))


def _floor_storage(b: SceneBuilder, start: float, end: float, y: float) -> None:
    for x in np.arange(start, end, 1.35):
        if b.chance(0.8):
            with b.at((x, y + b.rng.normal(0, 0.06), 0), b.rng.normal(0, 0.05)):
                loaded_pallet(b)


def camera(rng: np.random.Generator, notes: dict) -> Pose:
    """In an aisle, mostly along it."""
    y = notes["aisles_y_m"][rng.integers(len(notes["aisles_y_m"]))] + rng.uniform(-0.35, 0.35) * notes["aisle_m"]
    yaw = rng.normal(0, 0.4) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    x = rng.uniform(-0.5, notes["length_m"] * 0.5)
    if rng.random() < 0.25:
        x, yaw = notes["length_m"] - x, yaw + np.pi
    height = rng.uniform(0.3, 2.2) if rng.random() < 0.8 else rng.uniform(2, 3)
    return Pose((x, y, height), yaw, rng.normal(0.03, 0.12), rng.normal(0, 0.03))
