# SPDX-License-Identifier: Apache-2.0
"""Natural and worked surfaces: each function returns a tileable float image (size, size, 3) in [0, 1].

Widths in pixels are meant for a size of 1024."""

import cv2
import numpy as np

from prv2_ros.render.textures.noise import fill, lattice, mix, paint, pebbles, ridges, spectral

# Mean colours to draw from.
_BRICKS = ((0.55, 0.27, 0.2), (0.62, 0.42, 0.3), (0.7, 0.62, 0.5))
_BRICKS += ((0.45, 0.43, 0.42), (0.8, 0.78, 0.74), (0.4, 0.2, 0.16))
_WOODS = ((0.55, 0.38, 0.22), (0.7, 0.55, 0.36), (0.35, 0.22, 0.13))
_WOODS += ((0.48, 0.3, 0.2), (0.78, 0.68, 0.52), (0.5, 0.47, 0.43))
_GRASSES = ((0.25, 0.36, 0.13), (0.36, 0.42, 0.18), (0.5, 0.46, 0.25), (0.2, 0.3, 0.12))
_SOILS = ((0.42, 0.33, 0.24), (0.55, 0.47, 0.36), (0.3, 0.25, 0.2), (0.62, 0.52, 0.38))
_BARKS = ((0.35, 0.28, 0.22), (0.45, 0.4, 0.35), (0.25, 0.2, 0.16), (0.7, 0.68, 0.64))
_LEAVES = ((0.25, 0.38, 0.14), (0.33, 0.45, 0.18), (0.18, 0.3, 0.14), (0.55, 0.42, 0.15), (0.5, 0.25, 0.12))


def _worn(rng: np.random.Generator, image: np.ndarray, amount: float = 1.0) -> np.ndarray:
    """Blotches, fine grain and a few darker stains."""
    size = image.shape[0]
    image = paint(image, spectral(rng, size, 2.6), rng.uniform(0.02, 0.09) * amount)
    image = paint(image, spectral(rng, size, 0.8), rng.uniform(0.01, 0.05) * amount)
    if rng.random() < 0.6:
        return image
    stain = np.clip(spectral(rng, size, 3.0) - rng.uniform(0.8, 2.2), 0, 1)
    return mix(image, image * rng.uniform(0.6, 0.88), stain * amount)


def asphalt(rng: np.random.Generator, size: int) -> np.ndarray:
    grey = rng.uniform(0.16, 0.45)
    image = fill(size) * (grey * rng.uniform(0.94, 1.06, 3))
    distance, value = pebbles(rng, size, int(rng.integers(20000, 60000)))
    image = paint(image, value - 0.5, rng.uniform(0.3, 0.8))
    image = paint(image, 0.5 - distance, 0.25)
    if rng.random() < 0.6:
        image = mix(image, image * 0.35, ridges(rng, size, 2.8, 0.02) * (lattice(rng, size, 4) > 0.5))
    if rng.random() < 0.5:
        x, y, w, h = rng.integers(100, 500, 4)
        image[y : y + h, x : x + w] *= rng.uniform(0.6, 0.85)
    return _worn(rng, image, 1.5)


def concrete(rng: np.random.Generator, size: int) -> np.ndarray:
    image = fill(size) * (rng.uniform(0.35, 0.75) * rng.uniform(0.93, 1.05, 3))
    image = paint(image, spectral(rng, size, 1.8), rng.uniform(0.04, 0.12))
    pores = (spectral(rng, size, 0.6) > rng.uniform(2.2, 3.0)).astype(np.float32)
    image = mix(image, image * 0.6, cv2.GaussianBlur(pores, (3, 3), 0))
    if rng.random() < 0.5:
        for k in range(0, size, size // int(rng.choice([1, 2, 4]))):
            image[k : k + 5] *= 0.6
            image[:, k : k + 5] *= 0.6
    if rng.random() < 0.5:
        image = mix(image, image * 0.5, ridges(rng, size, 3.0, 0.012))
    return _worn(rng, image, 1.4)


def plaster(rng: np.random.Generator, size: int) -> np.ndarray:
    hsv = np.float32([[[rng.uniform(0, 360), rng.beta(1, 4) * 0.55, rng.uniform(0.55, 0.97)]]])
    image = fill(size) * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    image = paint(image, spectral(rng, size, rng.uniform(1.0, 2.4)), rng.uniform(0.01, 0.06))
    return _worn(rng, image, rng.uniform(0.2, 1.2))


def brick(rng: np.random.Generator, size: int) -> np.ndarray:
    rows, columns = int(rng.choice([12, 16, 20])) // 2 * 2, int(rng.choice([4, 5, 6, 8]))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    row = np.floor(y * rows).astype(int)
    shift = (row % 2) * 0.5 if rng.random() < 0.85 else 0
    u = (x * columns + shift) % columns
    column = np.floor(u).astype(int)
    value = rng.random((rows, columns)).astype(np.float32)[row, column]
    tint = rng.normal(0, 0.04, (rows, columns, 3)).astype(np.float32)[row, column]
    base = np.array(_BRICKS)[rng.integers(6)]
    image = base * (0.75 + 0.5 * value[..., None]) + tint
    image = paint(image, spectral(rng, size, 1.2), 0.09)
    gap_v, gap_u = rng.uniform(0.05, 0.12), rng.uniform(0.02, 0.05)
    edge_v, edge_u = (y * rows) % 1, u % 1
    mortar = (np.minimum(edge_v, 1 - edge_v) < gap_v) | (np.minimum(edge_u, 1 - edge_u) < gap_u)
    mortar = cv2.GaussianBlur(mortar.astype(np.float32), (5, 5), 0)
    grey = rng.uniform(0.4, 0.8)
    return _worn(rng, mix(image, (grey, grey * 0.98, grey * 0.93), mortar), 1.3)


def tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    n = int(rng.choice([2, 3, 4, 6, 8]))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size * n
    value = rng.random((n, n)).astype(np.float32)[y.astype(int), x.astype(int)]
    a, b = rng.uniform(0.25, 0.95, 3), rng.uniform(0.2, 0.95, 3)
    a, b = a * 0.35 + a.mean() * 0.65, b * 0.35 + b.mean() * 0.65
    checker = value * 0.3
    if n % 2 == 0 and rng.random() < 0.35:
        checker = ((y.astype(int) + x.astype(int)) % 2).astype(np.float32)
    image = mix(fill(size) * a, b, checker)
    image = paint(image, value - 0.5, rng.uniform(0.02, 0.25))
    if rng.random() < 0.4:
        image = mix(image, image * 0.7, ridges(rng, size, 2.5, 0.08))
    edge = np.minimum(np.minimum(y % 1, 1 - y % 1), np.minimum(x % 1, 1 - x % 1))
    return _worn(rng, mix(image, rng.uniform(0.2, 0.8) * np.ones(3), np.clip(2 - edge * size / n / 2, 0, 1)), 0.8)


def _grain(rng: np.random.Generator, size: int) -> np.ndarray:
    rings = lattice(rng, size, 3) * rng.uniform(4, 14) + spectral(rng, size, 2.0, stretch=14) * 0.5
    return np.sin(rings * 6.28) * 0.4 + spectral(rng, size, 1.2, stretch=30) * 0.6


def _wood_colour(rng: np.random.Generator) -> np.ndarray:
    return np.array(_WOODS[rng.integers(6)], np.float32) * rng.uniform(0.8, 1.2)


def wood(rng: np.random.Generator, size: int) -> np.ndarray:
    image = fill(size) * _wood_colour(rng)
    return _worn(rng, paint(image, _grain(rng, size), rng.uniform(0.06, 0.2)), 0.7)


def planks(rng: np.random.Generator, size: int) -> np.ndarray:
    n = int(rng.choice([4, 6, 8, 10]))
    image = fill(size) * _wood_colour(rng)
    grain = _grain(rng, size)
    bands = np.linspace(0, size, n + 1).astype(int)
    for top, bottom in zip(bands[:-1], bands[1:], strict=True):
        roll = int(rng.integers(size))
        image[top:bottom] = paint(image[top:bottom], np.roll(grain, roll, 1)[top:bottom], rng.uniform(0.08, 0.2))
        cut = int(rng.integers(size))
        image[top:bottom] *= rng.uniform(0.75, 1.2)
        image[top:bottom, :cut] *= rng.uniform(0.8, 1.15)
        image[top:bottom, cut : cut + 4] *= 0.45
        image[top : top + 4] *= 0.4
    return _worn(rng, image, 1.2)


def grass(rng: np.random.Generator, size: int) -> np.ndarray:
    base = np.array(_GRASSES)[rng.integers(4)]
    image = (fill(size) * base * rng.uniform(0.5, 0.8)).astype(np.float32)
    count = 14000
    start = rng.integers(0, size, (count, 2))
    length = rng.uniform(6, 26, count)
    angle = rng.uniform(0, 6.28, count)
    end = start + np.stack([np.cos(angle) * length, np.sin(angle) * length], 1)
    colour = base * rng.uniform(0.6, 1.7, (count, 1)) * rng.uniform(0.85, 1.15, (count, 3))
    for p, q, c in zip(start.tolist(), end.astype(int).tolist(), colour.tolist(), strict=True):
        cv2.line(image, p, q, c, 1, cv2.LINE_AA)
    dirt = np.clip(spectral(rng, size, 2.8) - rng.uniform(0.3, 2.5), 0, 1)
    return _worn(rng, mix(image, np.array((0.4, 0.33, 0.24)) * rng.uniform(0.7, 1.2), dirt), 2.0)


def soil(rng: np.random.Generator, size: int) -> np.ndarray:
    base = np.array(_SOILS)[rng.integers(4)]
    image = paint(fill(size) * base, spectral(rng, size, 1.4), 0.2)
    distance, value = pebbles(rng, size, int(rng.integers(800, 6000)))
    stone = np.clip((0.5 - distance) * 6, 0, 1) * (value > rng.uniform(0.3, 0.9))
    image = mix(image, np.ones(3) * 0.5 * (0.6 + value[..., None]), stone)
    return _worn(rng, image, 1.5)


def gravel(rng: np.random.Generator, size: int) -> np.ndarray:
    distance, value = pebbles(rng, size, int(rng.integers(1500, 12000)))
    base = rng.uniform(0.35, 0.65) * rng.uniform(0.9, 1.1, 3)
    image = fill(size) * base * (0.55 + 0.8 * value[..., None])
    image = paint(image, 0.5 - distance, 0.9)
    return _worn(rng, paint(image, spectral(rng, size, 0.8), 0.1), 1.2)


def stone(rng: np.random.Generator, size: int) -> np.ndarray:
    base = rng.uniform(0.3, 0.7) * rng.uniform(0.92, 1.08, 3)
    image = paint(fill(size) * base, spectral(rng, size, 1.6), rng.uniform(0.12, 0.28))
    image = mix(image, image * 0.5, ridges(rng, size, 2.2, 0.04))
    lichen = np.clip(spectral(rng, size, 1.9) - rng.uniform(0.8, 2.5), 0, 1)
    return _worn(rng, mix(image, (0.55, 0.57, 0.4), lichen), 1.5)


def bark(rng: np.random.Generator, size: int) -> np.ndarray:
    base = np.array(_BARKS)[rng.integers(4)]
    field = spectral(rng, size, 1.5, stretch=6).T
    return _worn(rng, paint(fill(size) * base, field, 0.28), 1.5)


def leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    base = np.array(_LEAVES)[rng.choice(5, p=[0.3, 0.3, 0.25, 0.1, 0.05])]
    _, value = pebbles(rng, size // 2, 900)
    image = fill(size // 2) * base * (0.5 + value[..., None])
    return paint(image, spectral(rng, size // 2, 1.2), 0.15)


def metal(rng: np.random.Generator, size: int) -> np.ndarray:
    image = fill(size) * (rng.uniform(0.4, 0.85) * rng.uniform(0.95, 1.03, 3))
    image = paint(image, spectral(rng, size, 1.0, stretch=rng.choice([1.0, 20.0])), rng.uniform(0.02, 0.08))
    rust = np.clip(spectral(rng, size, 2.2) - rng.uniform(0.5, 3.5), 0, 1)
    brown = paint(np.ones((size, size, 3)) * (0.45, 0.24, 0.12), spectral(rng, size, 1.0), 0.2)
    return _worn(rng, mix(image, brown, rust), 1.0)


def corrugated(rng: np.random.Generator, size: int) -> np.ndarray:
    wave = np.sin(np.arange(size, dtype=np.float32) / size * 2 * np.pi * int(rng.choice([8, 12, 20, 32])))
    shape = wave if rng.random() < 0.6 else np.clip(wave * 4, -1, 1)
    return paint(metal(rng, size), np.broadcast_to(shape, (size, size)), rng.uniform(0.1, 0.3))


def fabric(rng: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size]
    hsv = np.float32([[[rng.uniform(0, 360), rng.beta(1.2, 2.5), rng.uniform(0.2, 0.9)]]])
    image = fill(size) * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    weave = (np.sin(x * 2 * np.pi / 8) * np.sin(y * 2 * np.pi / 8)).astype(np.float32)
    image = paint(image, weave, rng.uniform(0.03, 0.15))
    style = rng.integers(4)
    period = size / int(rng.choice([4, 8, 16]))
    other = rng.uniform(0.1, 0.9, 3)
    if style == 1:
        image = mix(image, other, ((x % period) < period * rng.uniform(0.1, 0.5)) * rng.uniform(0.4, 1))
    elif style == 2:
        image = mix(image, other, (((x % period) < period / 3) * 0.4 + ((y % period) < period / 3) * 0.4))
    elif style == 3:
        image = mix(image, other, np.clip(spectral(rng, size, 2.4) * 3, 0, 1))
    return _worn(rng, image, 0.7)


def marble(rng: np.random.Generator, size: int) -> np.ndarray:
    base = rng.uniform(0.2, 0.95) * rng.uniform(0.95, 1.03, 3)
    image = paint(fill(size) * base, spectral(rng, size, 2.4), 0.07)
    return mix(image, rng.uniform(0.2, 0.9) * np.ones(3), ridges(rng, size, 2.4, 0.06) * rng.uniform(0.2, 0.7))
