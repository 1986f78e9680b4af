# SPDX-License-Identifier: Apache-2.0
"""Printed things: facades, posters, signs, book spines, cartons, wallpaper; float (h, w, 3) in [0, 1]."""

import cv2
import numpy as np

from prv2_ros.render.textures import surfaces
from prv2_ros.render.textures.noise import fill, lattice, mix, paint, spectral

FULL_PX = 1024
"""Side of a surface's image; printed things have half of it."""

WORDS = (
    "EXIT DEPOT NORD 24H CAFE RENT OPEN STOP MARKT HOTEL BAHN TAXI BOOKS FRAGILE THIS SIDE UP PORT AUTO ZONE 30 "
    "WEST ROBOT"
).split()


def _text(rng: np.random.Generator, image: np.ndarray, count: int, scale: tuple[float, float]) -> None:
    """Draw words in place, at random places, sizes and colours."""
    height, width = image.shape[:2]
    for _ in range(count):
        word = WORDS[rng.integers(len(WORDS))]
        size = rng.uniform(*scale) * height / 512
        face = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        place = (int(rng.uniform(0, 0.6) * width), int(rng.uniform(0.15, 0.95) * height))
        mask = np.zeros((height, width), np.uint8)  # cv2.putText draws on 8 bits only
        cv2.putText(mask, word, place, face, size, 255, max(1, int(size * 2.5)), cv2.LINE_AA)
        image[:] = mix(image, rng.uniform(0, 1, 3), mask / 255.0)


def _vivid(rng: np.random.Generator, value: tuple[float, float] = (0.3, 0.95)) -> np.ndarray:
    hsv = np.float32([[[rng.uniform(0, 360), rng.beta(2, 2), rng.uniform(*value)]]])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def facade(rng: np.random.Generator) -> np.ndarray:
    """One tile of a building front: 4 windows across, 4 storeys up."""
    size = FULL_PX
    makers = (surfaces.plaster, surfaces.brick, surfaces.concrete, surfaces.stone)
    wall = np.ascontiguousarray(makers[rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])](rng, size), np.float32)
    n, cell = 4, size // 4
    w, h = rng.uniform(0.35, 0.85) * cell, rng.uniform(0.4, 0.8) * cell
    frame = rng.uniform(0.15, 0.95) * rng.uniform(0.9, 1.05, 3)
    sky = np.array((0.5, 0.6, 0.72)) * rng.uniform(0.5, 1.1)
    bars_x, bars_y = int(rng.integers(0, 3)), int(rng.integers(0, 3))
    if rng.random() < 0.5:
        for j in range(n):
            wall[j * cell : j * cell + int(rng.uniform(4, 14))] *= rng.uniform(0.6, 1.25)
    for j, i in np.ndindex(n, n):
        x0, y0 = int((i + 0.5) * cell - w / 2), int((j + 0.5) * cell - h / 2)
        x1, y1 = int(x0 + w), int(y0 + h)
        border = int(rng.integers(5, 9))
        wall[y0 - border : y1 + border, x0 - border : x1 + border] = frame
        wall[y0:y1, x0:x1] = _pane(rng, y1 - y0, x1 - x0, sky)
        for k in range(1, bars_x + 1):
            x = x0 + (x1 - x0) * k // (bars_x + 1)
            wall[y0:y1, x - 3 : x + 3] = frame
        for k in range(1, bars_y + 1):
            y = y0 + (y1 - y0) * k // (bars_y + 1)
            wall[y - 3 : y + 3, x0:x1] = frame
        wall[y1 + border : y1 + border + 10, x0 - border - 4 : x1 + border + 4] = frame * 0.8
        wall[y1 + border + 10 : y1 + border + 40, x0:x1] *= 0.85
    return paint(wall, spectral(rng, size, 2.4), 0.04)


def _pane(rng: np.random.Generator, rows: int, columns: int, sky: np.ndarray) -> np.ndarray:
    """A window's glass with the sky in it, perhaps a curtain and a blind."""
    glass = np.linspace(1.2, 0.5, rows)[:, None, None] * sky
    glass = np.broadcast_to(glass, (rows, columns, 3)).copy() * rng.uniform(0.15, 1.0)
    if rng.random() < 0.4:
        glass[:, : int(columns * rng.uniform(0.15, 0.5))] = _vivid(rng, (0.5, 0.9)) * rng.uniform(0.4, 0.9)
    if rng.random() < 0.3:
        glass[: int(rows * rng.uniform(0.1, 0.9))] = rng.uniform(0.4, 0.85)
    if rows <= 256 and columns <= 256:
        glass *= 1 + 0.25 * lattice(rng, 256, 3)[:rows, :columns, None]
    return glass


def poster(rng: np.random.Generator) -> np.ndarray:
    """Advertisement, painting or photograph: gradients, shapes, blotches, words."""
    size = 512
    a, b = _vivid(rng), _vivid(rng)
    ramp = np.broadcast_to(np.linspace(0, 1, size)[:, None], (size, size))
    ramp = ramp if rng.random() < 0.5 else ramp.T
    image = np.ascontiguousarray(mix(np.ones((size, size, 3)) * a, b, ramp), np.float32)
    if rng.random() < 0.5:
        for _ in range(3):
            image = mix(image, _vivid(rng), np.clip(spectral(rng, size, 2.6) * 2, 0, 1))
        image = np.ascontiguousarray(image, np.float32)
    for _ in range(int(rng.integers(2, 14))):
        centre = tuple(int(v) for v in rng.integers(0, size, 2))
        colour = _vivid(rng).tolist()
        if rng.random() < 0.5:
            axes = tuple(int(v) for v in rng.integers(10, 160, 2))
            cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            corner = tuple(int(v) for v in rng.integers(0, size, 2))
            cv2.rectangle(image, centre, corner, colour, int(rng.choice([-1, 4, 12])))
    _text(rng, image, int(rng.integers(0, 5)), (0.8, 3.5))
    border = int(rng.integers(4, 40))
    if rng.random() < 0.6:
        colour = (rng.uniform(0, 1, 3) * rng.uniform(0.1, 1)).tolist()
        cv2.rectangle(image, (0, 0), (size - 1, size - 1), colour, border)
    return paint(image, spectral(rng, size, 1.6), 0.05)


def sign(rng: np.random.Generator) -> np.ndarray:
    size = 512
    image = fill(size) * _vivid(rng, (0.4, 0.95))
    cv2.rectangle(image, (16, 16), (size - 16, size - 16), (1, 1, 1) if rng.random() < 0.7 else (0, 0, 0), 12)
    if rng.random() < 0.5:
        cv2.circle(image, (256, 256), 180, rng.uniform(0, 1, 3).tolist(), int(rng.choice([-1, 40])), cv2.LINE_AA)
    _text(rng, image, int(rng.integers(1, 3)), (2.0, 4.5))
    return paint(image, spectral(rng, size, 2.0), 0.04)


def books(rng: np.random.Generator) -> np.ndarray:
    """A row of spines over a dark gap."""
    size = 512
    image = fill(size) * 0.08
    x = 0
    while x < size:
        width, top = int(rng.integers(12, 55)), int(rng.integers(10, 190))
        colour = _vivid(rng, (0.15, 0.95))
        image[top:, x : x + width - 1] = colour
        shade = 1 - 0.35 * np.abs(np.linspace(-1, 1, image[top:, x : x + width - 1].shape[1]))[None, :, None] ** 2
        image[top:, x : x + width - 1] *= shade
        for _ in range(int(rng.integers(0, 4))):
            y = int(rng.integers(top, size))
            image[y : y + int(rng.integers(3, 25)), x + 2 : x + width - 3] = _vivid(rng)
        x += width
    return paint(image, spectral(rng, size, 1.5), 0.06)


def carton(rng: np.random.Generator) -> np.ndarray:
    size = 512
    colours = ((0.66, 0.5, 0.33), (0.72, 0.58, 0.4), (0.85, 0.83, 0.8), (0.55, 0.42, 0.3))
    base = np.array(colours)[rng.choice(4, p=[0.4, 0.3, 0.1, 0.2])]
    image = paint(fill(size) * base, spectral(rng, size, 1.6), 0.05)
    image = np.ascontiguousarray(image, np.float32)
    centre = int(rng.uniform(0.4, 0.6) * size)
    if rng.random() < 0.8:
        half = int(rng.integers(14, 36))
        image[centre - half : centre + half] = image[centre - half : centre + half] * 0.8 + rng.uniform(0, 0.25, 3)
    if rng.random() < 0.7:
        x, y = (int(v) for v in rng.integers(40, 300, 2))
        corner = (x + int(rng.integers(60, 180)), y + int(rng.integers(50, 140)))
        cv2.rectangle(image, (x, y), corner, (0.92, 0.92, 0.9), -1)
        for row in range(y + 12, y + 12 + 14 * int(rng.integers(2, 6)), 14):
            cv2.line(image, (x + 8, row), (x + int(rng.integers(30, 90)), row), (0.1, 0.1, 0.1), 3)
    _text(rng, image, int(rng.integers(0, 3)), (0.8, 2.2))
    return image


def wallpaper(rng: np.random.Generator) -> np.ndarray:
    size = FULL_PX
    image = np.ascontiguousarray(surfaces.plaster(rng, size), np.float32)
    n = int(rng.choice([4, 8, 16]))
    cell, colour = size // n, (np.asarray(image[0, 0]) * rng.uniform(0.6, 1.25)).tolist()
    style = rng.integers(4)
    for k in range(n):
        if style == 0:
            image[:, k * cell : k * cell + cell // 2] *= rng.uniform(0.88, 0.92)
            continue
        for j in range(n):
            x, y = int((k + 0.5) * cell), int((j + 0.5) * cell)
            if style == 1:
                cv2.circle(image, (x, y), cell // 5, colour, -1, cv2.LINE_AA)
            elif style == 2:
                points = np.array([(x, y - cell // 2), (x + cell // 3, y), (x, y + cell // 2), (x - cell // 3, y)])
                cv2.polylines(image, [points], True, colour, 4, cv2.LINE_AA)
            else:
                cv2.ellipse(image, (x, y), (cell // 8, cell // 3), 35 * (j % 2) - 17, 0, 360, colour, 3, cv2.LINE_AA)
    return image


def carpet(rng: np.random.Generator) -> np.ndarray:
    """A rug that fits its rectangle once: border, medallion, pile."""
    size = 512
    image = fill(size) * _vivid(rng, (0.25, 0.7))
    for margin in np.cumsum(rng.integers(12, 50, int(rng.integers(1, 4)))).tolist():
        colour, thick = _vivid(rng).tolist(), int(rng.integers(4, 22))
        cv2.rectangle(image, (margin, margin), (size - margin, size - margin), colour, thick)
    for _ in range(int(rng.integers(0, 6))):
        axes = tuple(int(v) for v in rng.integers(20, 130, 2))
        cv2.ellipse(image, (256, 256), axes, 0, 0, 360, _vivid(rng).tolist(), int(rng.choice([-1, 6, 14])), cv2.LINE_AA)
    return paint(image, spectral(rng, size, 0.6), 0.15)


def screen(rng: np.random.Generator) -> np.ndarray:
    image = poster(rng) * 0.8
    image[:14] = image[-20:] = 0.05
    image[:, :14] = image[:, -14:] = 0.05
    return image


def glass(rng: np.random.Generator) -> np.ndarray:
    """A window seen from outside: sky and street mirrored over a dark room."""
    size = 512
    ramp = np.linspace(1, 0, size)[:, None] ** rng.uniform(0.5, 2) * rng.uniform(0.2, 1.0)
    sky = np.array((0.55, 0.66, 0.78)) * rng.uniform(0.5, 1.1)
    dark = rng.uniform(0.03, 0.16) * np.array((0.95, 1.0, 1.05))
    image = mix(np.ones((size, size, 3)) * dark, sky, np.broadcast_to(ramp, (size, size)))
    shapes = np.clip(spectral(rng, size, 3.2) * rng.uniform(0.2, 1.0), 0, 1)
    image = mix(image, rng.uniform(0.1, 0.6, 3), shapes * rng.uniform(0.1, 0.6))
    if rng.random() < 0.5:
        edge = int(rng.uniform(0.3, 0.8) * size)
        image[edge:] *= rng.uniform(0.4, 0.8)
    return paint(image, spectral(rng, size, 2.0), 0.04)
