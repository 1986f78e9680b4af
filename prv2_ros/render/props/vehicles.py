# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, bicycles and forklifts; they look along x and stand on z = 0."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.shapes import frustum, transform

_PAINTS = ((0.9, 0.9, 0.9), (0.08, 0.08, 0.09), (0.55, 0.57, 0.6), (0.3, 0.32, 0.35), (0.6, 0.08, 0.08))
_PAINTS += ((0.1, 0.2, 0.5), (0.15, 0.35, 0.2), (0.8, 0.7, 0.15), (0.45, 0.3, 0.2), (0.75, 0.72, 0.62))
_FORKLIFTS = ((0.85, 0.6, 0.05), (0.8, 0.25, 0.05), (0.15, 0.4, 0.3))
# Shares of a car's length by style (hatchback, saloon, estate): cabin, its shift, the roof's lean; roof of the cabin.
_STYLES = ((0.52, -0.02, 0, 0.55), (0.66, -0.09, -0.03, 0.72), (0.72, -0.11, -0.04, 0.8))
_SIDES = (-1, 1)


def _glass(b: SceneBuilder):
    return b.material("glass", 2.5, 0.2, (0.7, 0.7, 0.7), 0.8, 0.9)


def _wheel(b: SceneBuilder, x: float, y: float, radius: float, width: float = 0.22) -> None:
    rubber, rim = b.plain((0.06, 0.06, 0.065), 0.05), b.plain((0.6, 0.6, 0.62), 0.6, 0.6)
    side = np.sign(y) or 1
    b.rod((x, y - width / 2, radius), (x, y + width / 2, radius), radius, rubber, 18)
    inner, outer = (y + side * (width / 2 + depth) for depth in (-0.02, 0.015))
    b.rod((x, inner, radius), (x, outer, radius), radius * 0.62, rim, 10)
    for k in range(5):
        angle = k * 2 * np.pi / 5 + x
        tip = (x + np.cos(angle) * radius * 0.45, y + side * (width / 2 + 0.02), radius + np.sin(angle) * radius * 0.45)
        b.box(tip, (0.07, 0.012, 0.07), rubber)


def car(b: SceneBuilder) -> None:
    """Hatchback, saloon, estate or off-roader, 3.5–5 m."""
    rng = b.rng
    length, width, height = rng.uniform(3.5, 4.9), rng.uniform(1.6, 1.9), rng.uniform(1.35, 1.8)
    belt, sill = height * rng.uniform(0.54, 0.62), rng.uniform(0.16, 0.24)
    paint = b.plain(b.pick(_PAINTS), 0.7, 0.8)
    glass, trim = _glass(b), b.plain((0.07, 0.07, 0.07), 0.1)
    middle = (sill + belt) / 2
    b.add(frustum((0, 0, sill), (length * 0.96, width * 0.92), (length, width), middle - sill), paint)
    b.add(frustum((0, 0, middle), (length, width), (length * 0.95, width * 0.93), belt - middle), paint)
    share, shift, lean, top = b.pick(_STYLES)
    cabin, shift, lean = length * share, shift * length, lean * length
    roof = cabin * top
    upper = frustum((0, 0, 0), (cabin, width * 0.9), (roof, width * 0.74), height - belt - 0.04, lean)
    b.add(transform(upper, (shift, 0, belt)), glass)
    b.box((shift + lean, 0, height - 0.025), (roof * 1.01, width * 0.75, 0.05), paint)
    for x in (-0.5, 0.02, 0.5):  # pillars, leaning like the cabin's sides
        for side in _SIDES:
            foot = np.array((shift + x * cabin * 0.97, side * width * 0.452, belt))
            head = np.array((shift + lean + x * roof * 0.98, side * width * 0.372, height - 0.04))
            b.rod(foot, head, 0.035, paint, 5)
    radius = rng.uniform(0.29, 0.37)
    for x in (-0.31 * length, 0.32 * length):
        for side in _SIDES:
            _wheel(b, x, side * (width / 2 - 0.1), radius)
            b.rod((x, side * width * 0.44, radius), (x, side * width * 0.502, radius), radius * 1.18, trim, 18)
    lamp, red = b.plain((0.95, 0.95, 0.9), 0.9, 0.9, 0.2), b.plain((0.7, 0.05, 0.05), 0.8, 0.8, 0.15)
    for side in _SIDES:
        b.box((length * 0.485, side * width * 0.36, middle + 0.04), (0.1, 0.32, 0.14), lamp)
        b.box((-length * 0.485, side * width * 0.37, middle + 0.07), (0.1, 0.26, 0.16), red)
        b.box((shift + cabin * 0.38, side * (width / 2 + 0.07), belt + 0.06), (0.1, 0.18, 0.12), paint)
        b.box((0.05, side * width * 0.497, belt - 0.1), (0.18, 0.03, 0.03), trim)
    for end in _SIDES:
        b.box((end * length * 0.49, 0, sill + 0.14), (0.12, width * 0.9, 0.16), trim)
        b.box((end * (length * 0.49 + 0.065), 0, sill + 0.28), (0.012, 0.5, 0.11), b.plain((0.9, 0.9, 0.8)))
    b.box((length * 0.48, 0, middle), (0.08, width * 0.45, 0.14), trim)


def car_or_van(b: SceneBuilder, vans: float) -> None:
    """A van with the probability `vans`, else a car."""
    (van if b.chance(vans) else car)(b)


def van(b: SceneBuilder) -> None:
    """Van, bus or lorry with a box body, 5–9 m."""
    rng = b.rng
    length, width, height = rng.uniform(4.8, 9), rng.uniform(1.9, 2.4), rng.uniform(2.0, 3.3)
    paint, glass = b.plain(b.pick(_PAINTS), 0.4, 0.5), _glass(b)
    trim = b.plain((0.08, 0.08, 0.08))
    cab = 1.9
    body = b.material("sign", 0, rgb=(0.95, 0.95, 0.95)) if b.chance(0.4) else paint
    size = (length - cab, width, height - 0.35)
    b.block((-cab / 2, 0, 0.35), size, body if b.chance(0.5) else paint, fit=body.tile_m == 0)
    for _ in b.some(0, 4):  # panel joints
        x = rng.uniform(-length / 2 + 0.4, length / 2 - cab - 0.6)
        b.box((x, 0, 0.35 + (height - 0.35) / 2), (0.03, width + 0.015, (height - 0.35) * 0.92), trim)
    if b.chance(0.6):  # a stripe
        z = rng.uniform(0.6, height - 0.4)
        b.box((-cab / 2, 0, z), ((length - cab) * 0.98, width + 0.012, rng.uniform(0.08, 0.5)), b.plain())
    if b.chance(0.4):  # windows
        for x in np.arange(-length / 2 + 0.7, length / 2 - cab - 0.3, 1.2):
            b.box((x, 0, height * 0.68), (1.0, width + 0.02, height * 0.28), glass)
    _rear_doors(b, -length / 2, width, height, trim, glass)
    x = length / 2 - cab
    b.add(frustum((x + cab / 2, 0, 0.3), (cab, width * 0.98), (cab, width * 0.95), 0.9), paint)
    top = min(height, 2.3)
    b.add(frustum((x + cab / 2, 0, 1.2), (cab, width * 0.94), (cab * 0.6, width * 0.86), top - 1.2, -cab * 0.2), glass)
    b.box((x + cab * 0.3, 0, top + 0.02), (cab * 0.6, width * 0.87, 0.06), paint)
    for px in (-length * 0.3, length / 2 - 0.95):
        for side in _SIDES:
            _wheel(b, px, side * (width / 2 - 0.12), 0.38, 0.26)
    b.box((0, 0, 0.32), (length * 0.98, width * 0.9, 0.14), trim)
    for side in _SIDES:
        b.box((length / 2 - 0.02, side * width * 0.38, 0.75), (0.08, 0.3, 0.18), b.plain((0.9, 0.9, 0.85), 0.9, 0.9))
        b.box((-length / 2, side * width * 0.42, 0.7), (0.06, 0.16, 0.3), b.plain((0.7, 0.05, 0.05)))
        b.box((length / 2 - 0.7, side * (width / 2 + 0.12), 1.55), (0.08, 0.16, 0.32), trim)


def _rear_doors(b: SceneBuilder, x: float, width: float, height: float, trim, glass) -> None:
    """Joint, hinges, windows, handle, bumper, number plate and perhaps a board, on the back of a van at x."""
    middle = (height + 0.35) / 2
    b.box((x, 0, middle), (0.02, 0.03, height - 0.5), trim)
    for side in _SIDES:
        y = side * width * 0.47
        for z in np.linspace(0.7, height - 0.4, 3):
            b.rod((x - 0.01, y, z - 0.08), (x - 0.01, y, z + 0.08), 0.02, trim, 6)
        if b.chance(0.5):
            b.box((x, side * width * 0.24, height * 0.7), (0.025, width * 0.36, height * 0.26), glass)
    b.rod((x - 0.04, 0.08, middle - 0.25), (x - 0.04, 0.08, middle + 0.15), 0.014, b.plain((0.7, 0.7, 0.7), 0.8), 6)
    b.box((x - 0.05, 0, 0.42), (0.14, width * 0.96, 0.14), trim)
    b.box((x - 0.03, 0, 0.62), (0.02, 0.5, 0.11), b.plain((0.9, 0.9, 0.8)))
    if b.chance(0.4):
        b.box((x - 0.012, 0, height * 0.45), (0.02, width * 0.8, height * 0.2), b.material("sign", 0), fit=True)


def bicycle(b: SceneBuilder) -> None:
    """Thin tubes and spokes."""
    frame, dark = b.plain(specular=0.6), b.plain((0.05, 0.05, 0.05))
    for x in (-0.52, 0.52):
        angle = np.linspace(0, 2 * np.pi, 21)
        b.tube(np.stack([x + 0.33 * np.cos(angle), 0 * angle, 0.34 + 0.33 * np.sin(angle)], 1), 0.018, dark, 5)
        for a in np.linspace(0, np.pi, 6, endpoint=False):
            d = np.array([np.cos(a), 0, np.sin(a)]) * 0.32
            b.rod(np.array([x, 0, 0.34]) - d, np.array([x, 0, 0.34]) + d, 0.0025, frame, 4)
    pedal, seat, head, rear, front = (
        (-0.08, 0, 0.3),
        (-0.2, 0, 0.88),
        (0.38, 0, 0.85),
        (-0.52, 0, 0.34),
        (0.52, 0, 0.34),
    )
    tubes = ((pedal, seat), (seat, head), (pedal, head), (rear, pedal), (rear, seat), (front, (0.35, 0, 1.0)))
    for start, end in tubes:
        b.rod(start, end, 0.017, frame, 6)
    b.rod((0.35, -0.27, 1.0), (0.35, 0.27, 1.0), 0.015, dark, 6)
    b.box((-0.21, 0, 0.92), (0.26, 0.13, 0.06), dark)
    if b.chance(0.4):
        b.box((0.55, 0, 0.85), (0.3, 0.35, 0.25), b.material("wood", 0.5))


def forklift(b: SceneBuilder) -> None:
    """Counterbalance truck with mast and forks."""
    paint = b.plain(b.pick(_FORKLIFTS), 0.4, 0.5)
    dark = b.plain((0.08, 0.08, 0.08), 0.2)
    b.add(frustum((-0.3, 0, 0.25), (1.7, 1.1), (1.4, 1.0), 0.75, -0.05), paint)
    for x in (-0.75, 0.45):
        for side in _SIDES:
            _wheel(b, x, side * 0.45, 0.28)
            b.rod((x * 0.9, side * 0.45, 0.9), (x * 0.75, side * 0.42, 2.1), 0.035, dark, 6)
    b.box((0, 0, 2.12), (1.2, 0.95, 0.06), dark)
    for side in _SIDES:
        b.box((0.72, side * 0.3, 1.3), (0.1, 0.08, 2.5), dark)
        b.box((1.3, side * 0.25, 0.12), (1.1, 0.12, 0.05), dark)
    b.box((-0.2, 0, 1.05), (0.5, 0.5, 0.12), dark)
