# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, lorries, bicycles, forklifts: several shapes each, length along x, wheels on z = 0."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.shapes import frustum, transform, tube

_PAINTS = [
    (0.9, 0.9, 0.9),
    (0.08, 0.08, 0.09),
    (0.55, 0.57, 0.6),
    (0.3, 0.32, 0.35),
    (0.6, 0.08, 0.08),
    (0.1, 0.2, 0.5),
    (0.15, 0.35, 0.2),
    (0.8, 0.7, 0.15),
    (0.45, 0.3, 0.2),
    (0.75, 0.72, 0.62),
]


def _wheel(b: SceneBuilder, x: float, y: float, radius: float, width: float = 0.22) -> None:
    rubber, rim = b.plain((0.06, 0.06, 0.065), 0.05), b.plain((0.6, 0.6, 0.62), 0.6, 0.6)
    side = np.sign(y) or 1
    b.tube([(x, y - width / 2, radius), (x, y + width / 2, radius)], radius, rubber, 18)
    b.tube(
        [(x, y + side * (width / 2 - 0.02), radius), (x, y + side * (width / 2 + 0.015), radius)],
        radius * 0.62,
        rim,
        10,
    )
    for k in range(5):
        angle = k * 2 * np.pi / 5 + x
        tip = (x + np.cos(angle) * radius * 0.45, y + side * (width / 2 + 0.02), radius + np.sin(angle) * radius * 0.45)
        b.box(tip, (0.07, 0.012, 0.07), rubber)


def car(b: SceneBuilder) -> None:
    """Hatchback, saloon, estate or off-roader, 3.5–5 m."""
    rng = b.rng
    length, width, height = rng.uniform(3.5, 4.9), rng.uniform(1.6, 1.9), rng.uniform(1.35, 1.8)
    belt, sill = height * rng.uniform(0.54, 0.62), rng.uniform(0.16, 0.24)
    paint = b.plain(_PAINTS[rng.integers(len(_PAINTS))], 0.7, 0.8)
    glass, trim = b.material("glass", 2.5, 0.2, (0.7, 0.7, 0.7), 0.8, 0.9), b.plain((0.07, 0.07, 0.07), 0.1)
    middle = (sill + belt) / 2
    b.add(frustum((0, 0, sill), (length * 0.96, width * 0.92), (length, width), middle - sill), paint)
    b.add(frustum((0, 0, middle), (length, width), (length * 0.95, width * 0.93), belt - middle), paint)
    style = rng.integers(3)
    cabin = length * (0.52, 0.66, 0.72)[style]
    shift = (-0.02, -0.09, -0.11)[style] * length
    roof = cabin * (0.55, 0.72, 0.8)[style]
    lean = (0, -0.03, -0.04)[style] * length
    b.add(
        transform(
            frustum((0, 0, 0), (cabin, width * 0.9), (roof, width * 0.74), height - belt - 0.04, lean), (shift, 0, belt)
        ),
        glass,
    )
    b.box((shift + lean, 0, height - 0.025), (roof * 1.01, width * 0.75, 0.05), paint)
    for x in (-0.5, 0.02, 0.5):  # pillars, leaning like the cabin's sides
        for side in (-1, 1):
            foot = np.array((shift + x * cabin * 0.97, side * width * 0.452, belt))
            head = np.array((shift + lean + x * roof * 0.98, side * width * 0.372, height - 0.04))
            b.add(tube([foot, head], 0.035, 5), paint)
    radius = rng.uniform(0.29, 0.37)
    for x in (-0.31, 0.32):
        for side in (-1, 1):
            _wheel(b, x * length, side * (width / 2 - 0.1), radius)
            b.add(
                tube(
                    [(x * length, side * width * 0.44, radius), (x * length, side * width * 0.502, radius)],
                    radius * 1.18,
                    18,
                ),
                trim,
            )
    lamp, red = b.plain((0.95, 0.95, 0.9), 0.9, 0.9, 0.2), b.plain((0.7, 0.05, 0.05), 0.8, 0.8, 0.15)
    for side in (-1, 1):
        b.box((length * 0.485, side * width * 0.36, middle + 0.04), (0.1, 0.32, 0.14), lamp)
        b.box((-length * 0.485, side * width * 0.37, middle + 0.07), (0.1, 0.26, 0.16), red)
        b.box((shift + cabin * 0.38, side * (width / 2 + 0.07), belt + 0.06), (0.1, 0.18, 0.12), paint)
        b.box((0.05, side * width * 0.497, belt - 0.1), (0.18, 0.03, 0.03), trim)
    for end in (-1, 1):
        b.box((end * length * 0.49, 0, sill + 0.14), (0.12, width * 0.9, 0.16), trim)
        b.box((end * (length * 0.49 + 0.065), 0, sill + 0.28), (0.012, 0.5, 0.11), b.plain((0.9, 0.9, 0.8)))
    b.box((length * 0.48, 0, middle), (0.08, width * 0.45, 0.14), trim)


def van(b: SceneBuilder) -> None:
    """Van, bus or lorry with a box body, 5–9 m."""
    rng = b.rng
    length, width, height = rng.uniform(4.8, 9), rng.uniform(1.9, 2.4), rng.uniform(2.0, 3.3)
    paint, glass = (
        b.plain(_PAINTS[rng.integers(len(_PAINTS))], 0.4, 0.5),
        b.material("glass", 2.5, 0.2, (0.7, 0.7, 0.7), 0.8, 0.9),
    )
    trim = b.plain((0.08, 0.08, 0.08))
    cab = 1.9
    body = b.material("sign", 0, rgb=(0.95, 0.95, 0.95)) if rng.random() < 0.4 else paint
    b.block(
        (-cab / 2, 0, 0.35),
        (length - cab, width, height - 0.35),
        body if rng.random() < 0.5 else paint,
        fit=body.tile_m == 0,
    )
    for _ in range(int(rng.integers(0, 4))):  # panel joints, stripes, windows
        x = rng.uniform(-length / 2 + 0.4, length / 2 - cab - 0.6)
        b.box((x, 0, 0.35 + (height - 0.35) / 2), (0.03, width + 0.015, (height - 0.35) * 0.92), trim)
    if rng.random() < 0.6:
        b.box(
            (-cab / 2, 0, rng.uniform(0.6, height - 0.4)),
            ((length - cab) * 0.98, width + 0.012, rng.uniform(0.08, 0.5)),
            b.plain(),
        )
    if rng.random() < 0.4:
        for x in np.arange(-length / 2 + 0.7, length / 2 - cab - 0.3, 1.2):
            b.box((x, 0, height * 0.68), (1.0, width + 0.02, height * 0.28), glass)
    _rear_doors(b, -length / 2, width, height, trim, glass)
    x = length / 2 - cab
    b.add(frustum((x + cab / 2, 0, 0.3), (cab, width * 0.98), (cab, width * 0.95), 0.9), paint)
    top = min(height, 2.3)
    b.add(frustum((x + cab / 2, 0, 1.2), (cab, width * 0.94), (cab * 0.6, width * 0.86), top - 1.2, -cab * 0.2), glass)
    b.box((x + cab * 0.3, 0, top + 0.02), (cab * 0.6, width * 0.87, 0.06), paint)
    for px in (-length * 0.3, length / 2 - 0.95):
        for side in (-1, 1):
            _wheel(b, px, side * (width / 2 - 0.12), 0.38, 0.26)
    b.box((0, 0, 0.32), (length * 0.98, width * 0.9, 0.14), trim)
    for side in (-1, 1):
        b.box((length / 2 - 0.02, side * width * 0.38, 0.75), (0.08, 0.3, 0.18), b.plain((0.9, 0.9, 0.85), 0.9, 0.9))
        b.box((-length / 2, side * width * 0.42, 0.7), (0.06, 0.16, 0.3), b.plain((0.7, 0.05, 0.05)))
        b.box((length / 2 - 0.7, side * (width / 2 + 0.12), 1.55), (0.08, 0.16, 0.32), trim)


def _rear_doors(b: SceneBuilder, x: float, width: float, height: float, trim, glass) -> None:
    """Door joint, hinges, handle, bumper, number plate, perhaps windows or a board, on the back of a van at x."""
    rng = b.rng
    middle = (height + 0.35) / 2
    b.box((x, 0, middle), (0.02, 0.03, height - 0.5), trim)
    for side in (-1, 1):
        for z in np.linspace(0.7, height - 0.4, 3):
            b.tube(
                [(x - 0.01, side * width * 0.47, z - 0.08), (x - 0.01, side * width * 0.47, z + 0.08)], 0.02, trim, 6
            )
        if rng.random() < 0.5:
            b.box((x, side * width * 0.24, height * 0.7), (0.025, width * 0.36, height * 0.26), glass)
    b.tube([(x - 0.04, 0.08, middle - 0.25), (x - 0.04, 0.08, middle + 0.15)], 0.014, b.plain((0.7, 0.7, 0.7), 0.8), 6)
    b.box((x - 0.05, 0, 0.42), (0.14, width * 0.96, 0.14), trim)
    b.box((x - 0.03, 0, 0.62), (0.02, 0.5, 0.11), b.plain((0.9, 0.9, 0.8)))
    if rng.random() < 0.4:
        b.box((x - 0.012, 0, height * 0.45), (0.02, width * 0.8, height * 0.2), b.material("sign", 0), fit=True)


def bicycle(b: SceneBuilder) -> None:
    """Thin tubes and spokes."""
    rng = b.rng
    frame, dark = b.plain(specular=0.6), b.plain((0.05, 0.05, 0.05))
    for x in (-0.52, 0.52):
        angle = np.linspace(0, 2 * np.pi, 21)
        b.tube(np.stack([x + 0.33 * np.cos(angle), 0 * angle, 0.34 + 0.33 * np.sin(angle)], 1), 0.018, dark, 5)
        for a in np.linspace(0, np.pi, 6, endpoint=False):
            d = np.array([np.cos(a), 0, np.sin(a)]) * 0.32
            b.tube([np.array([x, 0, 0.34]) - d, np.array([x, 0, 0.34]) + d], 0.0025, frame, 4)
    pedal, seat, head = (-0.08, 0, 0.3), (-0.2, 0, 0.88), (0.38, 0, 0.85)
    for p, q in (
        (pedal, seat),
        (seat, head),
        (pedal, head),
        ((-0.52, 0, 0.34), pedal),
        ((-0.52, 0, 0.34), seat),
        ((0.52, 0, 0.34), (0.35, 0, 1.0)),
    ):
        b.tube([p, q], 0.017, frame, 6)
    b.tube([(0.35, -0.27, 1.0), (0.35, 0.27, 1.0)], 0.015, dark, 6)
    b.box((-0.21, 0, 0.92), (0.26, 0.13, 0.06), dark)
    if rng.random() < 0.4:
        b.box((0.55, 0, 0.85), (0.3, 0.35, 0.25), b.material("wood", 0.5))


def forklift(b: SceneBuilder) -> None:
    """Counterbalance truck with mast and forks."""
    paint = b.plain([(0.85, 0.6, 0.05), (0.8, 0.25, 0.05), (0.15, 0.4, 0.3)][b.rng.integers(3)], 0.4, 0.5)
    dark = b.plain((0.08, 0.08, 0.08), 0.2)
    b.add(frustum((-0.3, 0, 0.25), (1.7, 1.1), (1.4, 1.0), 0.75, -0.05), paint)
    for x in (-0.75, 0.45):
        for side in (-1, 1):
            _wheel(b, x, side * 0.45, 0.28)
            b.tube([(x * 0.9, side * 0.45, 0.9), (x * 0.75, side * 0.42, 2.1)], 0.035, dark, 6)
    b.box((0, 0, 2.12), (1.2, 0.95, 0.06), dark)
    for side in (-1, 1):
        b.box((0.72, side * 0.3, 1.3), (0.1, 0.08, 2.5), dark)
        b.box((1.3, side * 0.25, 0.12), (1.1, 0.12, 0.05), dark)
    b.box((-0.2, 0, 1.05), (0.5, 0.5, 0.12), dark)
