# SPDX-License-Identifier: Apache-2.0
"""Sky as a cube map: gradient, sun glow and clouds, seen from z = 0 with z up."""

import cv2
import numpy as np

from prv2_ros.render.builder import Atmosphere
from prv2_ros.render.textures.noise import spectral

FACE = 384

# Directions of each cube face in MuJoCo's order (right, left, up, down, front, back): centre, image right, image down.
_FACES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
    ((0, 0, 1), (1, 0, 0), (0, -1, 0)),
    ((0, 0, -1), (1, 0, 0), (0, 1, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, -1)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, -1)),
)


def sky_colour(direction: np.ndarray, air: Atmosphere, sun: np.ndarray) -> np.ndarray:
    """Colour in [0, 1] for unit directions (..., 3)."""
    rng = np.random.default_rng(air.sky_seed)
    haze = np.asarray(air.haze_rgb, np.float32)
    zenith = np.array([0.22, 0.4, 0.72]) * rng.uniform(0.6, 1.25) * (1 - 0.5 * air.sunset)
    grey = rng.uniform(0.5, 0.9) * np.array([0.95, 0.98, 1.0])
    overcast = np.clip((air.cloudiness - 0.6) * 2.5, 0, 1)
    zenith = zenith * (1 - overcast) + grey * overcast
    up = np.clip(direction[..., 2], 0, 1)
    blend = (up ** rng.uniform(0.35, 0.7))[..., None]
    colour = haze * (1 - blend) + zenith * blend
    glow = np.clip((direction @ sun), 0, 1)[..., None]
    warm = np.array([1.0, 0.85, 0.6]) if air.sunset < 0.3 else np.array([1.0, 0.6, 0.3])
    colour = colour + warm * ((glow**8) * 0.25 + (glow**400) * 1.2) * (1 - overcast * 0.8)
    height = np.maximum(direction[..., 2], 0.03)
    size = 512
    field = spectral(rng, size, rng.uniform(2.6, 3.4)).astype(np.float32)
    scale = rng.uniform(15, 45)
    x, y = direction[..., 0] / height * scale, direction[..., 1] / height * scale
    x, y = (x % size).astype(np.float32), (y % size).astype(np.float32)
    clouds = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    cover = 1 / (1 + np.exp(-(clouds + (air.cloudiness - 0.5) * 4) * rng.uniform(1.5, 4)))
    cover = (cover * np.clip((direction[..., 2] - 0.035) * 6, 0, 1))[..., None]
    tone = 1 - air.sunset * np.array([0.05, 0.25, 0.35])
    shade = (0.98 - 0.25 * np.clip(clouds, 0, 2)[..., None] * rng.uniform(0.3, 1)) * tone
    colour = colour * (1 - cover) + shade * cover * (0.75 + 0.25 * (1 - overcast))
    return np.where(direction[..., 2:] < 0, haze, colour * air.brightness)


def sky_cube(air: Atmosphere, sun: np.ndarray) -> np.ndarray:
    """uint8 (6 * FACE, FACE, 3) in MuJoCo's order of faces."""
    t = (np.arange(FACE, dtype=np.float32) + 0.5) / FACE * 2 - 1
    right, down = np.meshgrid(t, t)
    images = []
    for centre, u, v in _FACES:
        if centre == (0, 0, -1):
            images.append(np.broadcast_to(np.asarray(air.haze_rgb, np.float32), (FACE, FACE, 3)))
            continue
        centre, u, v = (np.asarray(axis, np.float32) for axis in (centre, u, v))
        d = centre + right[..., None] * u + down[..., None] * v
        d /= np.linalg.norm(d, axis=-1, keepdims=True)
        images.append(sky_colour(d, air, sun))
    return (np.clip(np.concatenate(images), 0, 1) * 255).astype(np.uint8)
