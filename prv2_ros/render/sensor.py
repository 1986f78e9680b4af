# SPDX-License-Identifier: Apache-2.0
"""From a clean rendered image to that of a real camera: air, lens, sensor, tone. Depth is not changed."""

from typing import NamedTuple

import cv2
import numpy as np

from prv2_ros.render.builder import Atmosphere


class Sensor(NamedTuple):
    """One camera's defects; `draw` makes a random one.

    Attributes:
        exposure: mean grey level (0..1) of the automatic exposure, which corrects half way; 0 disables it.
        gamma, contrast: tone; 1 changes nothing.
        balance: gain of red, green, blue.
        vignette: darkening at the corners, 0..1.
        blur_px: Gaussian sigma at 1080 lines.
        motion_px, motion_deg: length at 1080 lines and direction of a straight motion blur.
        noise: read noise and shot noise, deviations in grey levels (of 255) at mid-grey.
        occlusion: strength of the darkening in folds and corners, which MuJoCo's light lacks.
        jpeg: quality.
    """

    exposure: float = 0.0
    gamma: float = 1.0
    contrast: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0
    blur_px: float = 0.0
    motion_px: float = 0.0
    motion_deg: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    occlusion: float = 0.0
    jpeg: int = 92

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Sensor":
        """Random defects, most of them mild."""
        tint = 1 + rng.normal(0, 0.035, 3)
        return cls(
            exposure=float(np.clip(rng.normal(0.4, 0.07), 0.22, 0.6)),
            gamma=float(rng.uniform(0.68, 1.0)),
            contrast=float(rng.uniform(0.85, 1.12)),
            balance=tuple((tint / tint.mean()).tolist()),
            vignette=float(rng.uniform(0, 0.4)) if rng.random() < 0.6 else 0.0,
            blur_px=float(rng.uniform(0.3, 1.1)) if rng.random() < 0.55 else 0.0,
            motion_px=float(rng.uniform(1.5, 6)) if rng.random() < 0.12 else 0.0,
            motion_deg=float(rng.uniform(0, 180)),
            noise=(float(10 ** rng.uniform(-0.5, 0.7)), float(10 ** rng.uniform(-0.5, 0.8))),
            occlusion=float(rng.uniform(0.2, 0.75)),
            jpeg=int(rng.integers(82, 97)),
        )


def _occlusion(depth: np.ndarray, strength: float) -> np.ndarray:
    """Gain (H, W) that darkens folds: planes are linear in 1 / z, so blurring 1 / z changes it only at folds."""
    height, width = depth.shape
    small = (max(width // 4, 32), max(height // 4, 32))
    far = np.where(np.isfinite(depth), depth, 1e4).astype(np.float32)
    inverse = 1 / cv2.resize(far, small, interpolation=cv2.INTER_NEAREST)
    dark = np.zeros_like(inverse)
    for share, weight in ((0.006, 1.0), (0.02, 0.8), (0.06, 0.5)):
        nearer = (cv2.GaussianBlur(inverse, (0, 0), share * small[0]) - inverse) / (inverse + 1e-3)
        dark += weight * np.clip(nearer, 0, None) * np.exp(-np.clip(nearer, 0, None) * 9)  # a step in depth is no fold
    gain = 1 - strength * np.clip(dark * 12, 0, 0.6)
    gain[inverse < 2e-4] = 1  # the sky has no folds
    return cv2.resize(gain.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def develop(
    image: np.ndarray, depth: np.ndarray, air: Atmosphere, sensor: Sensor, rng: np.random.Generator
) -> np.ndarray:
    """uint8 RGB (H, W, 3) of the camera, from the rendered image and its depth (infinite: sky)."""
    height, width = depth.shape
    exposure = 1.0
    if sensor.exposure:
        mean = float(image[::8, ::8].mean()) / 255 + 0.02
        exposure = float(np.clip((sensor.exposure / mean) ** 0.75, 0.6, 3.0))
    gain = np.full((height, width), exposure, np.float32)
    if sensor.occlusion:
        gain *= _occlusion(depth, sensor.occlusion)
    out = image.astype(np.float32)
    out *= gain[..., None]
    if air.haze_per_m > 0:
        seen = cv2.exp(-np.minimum(depth, 2500).astype(np.float32) * np.float32(air.haze_per_m))
        seen[np.isinf(depth)] = np.exp(-air.haze_per_m * 120)  # the sky keeps a part of its contrast
        haze = np.asarray(air.haze_rgb, np.float32) * 255 * min(exposure, 1.2)
        out -= haze
        out *= seen[..., None]
        out += haze
    if sensor.vignette:
        y, x = np.mgrid[-1:1:64j, -1:1:64j].astype(np.float32)
        shade = cv2.resize(1 - sensor.vignette * ((x * x + y * y) / 2) ** 1.5, (width, height))
        out *= shade[..., None]
    scale = height / 1080
    if sensor.blur_px * scale > 0.2:
        out = cv2.GaussianBlur(out, (0, 0), sensor.blur_px * scale)
    if sensor.motion_px * scale > 1:
        out = cv2.filter2D(out, -1, _smear(sensor.motion_px * scale, sensor.motion_deg))
    if any(sensor.noise):
        out = _add_noise(out, sensor.noise, rng)
    levels = np.clip(np.arange(256, dtype=np.float32) / 255, 0, 1)[:, None] * np.asarray(sensor.balance, np.float32)
    levels = np.clip(levels, 0, 1) ** sensor.gamma
    table = (np.clip((levels - 0.5) * sensor.contrast + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    clipped = cv2.convertScaleAbs(np.maximum(out, 0))
    return cv2.LUT(clipped, table[:, None, :])


def _smear(length: float, degrees: float) -> np.ndarray:
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    angle = np.radians(degrees)
    half = length / 2
    middle = size // 2
    for t in np.linspace(-half, half, size * 4):
        kernel[int(round(middle + t * np.sin(angle) * 0.99)), int(round(middle + t * np.cos(angle) * 0.99))] += 1
    return kernel / kernel.sum()


def _add_noise(out: np.ndarray, noise: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Read noise everywhere, shot noise with the root of the level; one tile of noise, shifted at random."""
    read, shot = noise
    side = 512
    tile = rng.standard_normal((side, side, 3), dtype=np.float32)
    if rng.random() < 0.5:
        tile = cv2.GaussianBlur(tile, (0, 0), 0.6) * 2.0  # demosaiced noise is not white
    level = cv2.sqrt(np.clip(out, 0, 255) * np.float32(shot * shot / 128) + np.float32(read * read))
    height, width = out.shape[:2]
    for y in range(0, height, side):
        for x in range(0, width, side):
            part = np.roll(tile, (int(rng.integers(side)), int(rng.integers(side))), (0, 1))
            h, w = min(side, height - y), min(side, width - x)
            out[y : y + h, x : x + w] += part[:h, :w] * level[y : y + h, x : x + w]
    return out
