# SPDX-License-Identifier: Apache-2.0
"""Tileable noise fields, float32 (size, size): what photographs of surfaces have and flat colours lack."""

import cv2
import numpy as np


def spectral(rng: np.random.Generator, size: int, beta: float = 2.0, stretch: float = 1.0) -> np.ndarray:
    """Gaussian field of zero mean and unit deviation with power spectrum 1 / f**beta; wraps at its edges.

    A `beta` of 0 is white noise, 2 resembles natural images, 3 smooth blotches; `stretch` above 1 stretches along rows.
    """
    fy = np.fft.fftfreq(size)[:, None] * stretch
    fx = np.fft.rfftfreq(size)[None]
    f = np.sqrt(fx * fx * stretch + fy * fy / stretch)
    f[0, 0] = 1.0
    amplitude = (f ** (-beta / 2)).astype(np.float32)
    amplitude[0, 0] = 0
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape, dtype=np.float32))
    field = np.fft.irfft2(amplitude * phase, s=(size, size)).astype(np.float32)
    return field / (field.std() + 1e-9)


def lattice(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth value noise in [0, 1] with `cells` bumps a side; wraps at its edges."""
    grid = rng.random((cells, cells), dtype=np.float32)
    pad = 3
    grid = np.pad(grid, pad, mode="wrap")
    step = size / cells
    big = cv2.resize(grid, (round(grid.shape[1] * step), round(grid.shape[0] * step)), interpolation=cv2.INTER_CUBIC)
    start = round(pad * step)
    return np.clip(big[start : start + size, start : start + size], 0, 1)


def ridges(rng: np.random.Generator, size: int, beta: float = 3.0, width: float = 0.03) -> np.ndarray:
    """Thin winding lines (cracks, veins): 1 on the line, 0 elsewhere."""
    return np.exp(-((spectral(rng, size, beta) / width) ** 2))


def pebbles(rng: np.random.Generator, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random cells of a Voronoi diagram: distance to the cell's point in [0, 1], and a random value a cell."""
    mask = np.full((size, size), 255, np.uint8)
    points = rng.integers(0, size, (count, 2))
    mask[points[:, 0], points[:, 1]] = 0
    margin = size // 8
    mask = np.pad(mask, margin, mode="wrap")
    distance, labels = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    values = rng.random(int(labels.max()) + 1).astype(np.float32)
    inner = slice(margin, margin + size)
    distance = distance[inner, inner] / (size / np.sqrt(count) * 0.75)
    return np.clip(distance, 0, 1), values[labels[inner, inner]]


def fill(size: int) -> np.ndarray:
    """White image (size, size, 3), to be multiplied by a colour."""
    return np.ones((size, size, 3), np.float32)


def paint(base: np.ndarray | tuple, field: np.ndarray, strength: float) -> np.ndarray:
    """Colour (3,) or image (h, w, 3) in [0, 1] brightened and darkened by a field (h, w)."""
    base = np.asarray(base, np.float32)
    return base * (1 + strength * field[..., None])


def mix(a: np.ndarray, b: np.ndarray | tuple, weight: np.ndarray) -> np.ndarray:
    """a where weight is 0, b where it is 1; a and b are images or colours, weight is (h, w)."""
    w = np.clip(weight, 0, 1)[..., None].astype(np.float32)
    return np.asarray(a, np.float32) * (1 - w) + np.asarray(b, np.float32) * w


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Image in [0, 1] to uint8 RGB."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
