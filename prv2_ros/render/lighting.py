# SPDX-License-Identifier: Apache-2.0
"""Random daylight for outdoor scenes and lamps for indoor ones."""

import numpy as np

from prv2_ros.render.builder import Atmosphere, Light, SceneBuilder


def _sun(b: SceneBuilder, direction, rgb, shadow: bool = False) -> None:
    b.scene.lights.append(Light("sun", (0, 0, 0), tuple(direction), tuple(np.asarray(rgb, float).tolist()), shadow))


def _downwards(elevation: float, azimuth: float) -> tuple[float, float, float]:
    """Direction of light from a place in the sky."""
    return -np.cos(elevation) * np.cos(azimuth), -np.cos(elevation) * np.sin(azimuth), -np.sin(elevation)


def daylight(b: SceneBuilder) -> None:
    """Sun (any azimuth, 8–75 degrees high), clouds from clear to overcast, haze from none to fog."""
    rng = b.rng
    elevation, azimuth = np.radians(rng.uniform(8, 75)), rng.uniform(0, 2 * np.pi)
    sunset = float(np.clip(1 - np.degrees(elevation) / 18, 0, 1)) * rng.uniform(0.2, 1)
    cloudiness = float(rng.uniform(0.05, 1.0))
    overcast = float(np.clip((cloudiness - 0.6) * 2.5, 0, 1))
    warmth = np.array([1.0, 0.95 - 0.2 * sunset, 0.88 - 0.42 * sunset])
    strength = rng.uniform(0.5, 0.85) * (1 - 0.7 * overcast)
    _sun(b, _downwards(elevation, azimuth), warmth * strength, overcast < 0.85)
    fill = rng.uniform(0, 2 * np.pi)  # sky light from one side, so that shaded faces differ
    side = (np.cos(fill), np.sin(fill), -1.2)
    blue = np.array([0.85, 0.93, 1.0]) * (0.14 + 0.2 * overcast) * rng.uniform(0.7, 1.2)
    _sun(b, side, blue)
    _sun(b, (-side[0], -side[1], 0.3), blue * 0.5)
    if b.chance(0.08):
        _night(b)
        return
    haze = 0.0 if b.chance(0.25) else float(10 ** rng.uniform(-3.8, -1.85))
    colour = rng.uniform(0.68, 0.92) * np.array([1.0, 1.0 - 0.12 * sunset, 1.05 - 0.35 * sunset])
    b.scene.atmosphere = Atmosphere(
        ambient=float(rng.uniform(0.3, 0.42) + 0.12 * overcast),
        ambient_rgb=(0.95, 0.98, 1.05),
        haze_per_m=haze,
        haze_rgb=tuple(np.clip(colour, 0, 1).tolist()),
        sky_seed=int(rng.integers(1 << 30)),
        cloudiness=cloudiness,
        sunset=sunset,
    )


def _night(b: SceneBuilder) -> None:
    """Dusk: a dim sky, street lamps ahead and the camera's own lights."""
    rng, lights = b.rng, b.scene.lights
    lights[:] = [light._replace(rgb=tuple(c * 0.22 for c in light.rgb), shadow=False) for light in lights[:2]]
    for k in range(4):
        place = (6.0 + 14 * k, rng.choice([-1, 1]) * rng.uniform(3, 6), rng.uniform(4, 7))
        lights.append(Light("lamp", place, (0, 0, -1), (0.9, 0.75, 0.5), False, rng.uniform(8, 16)))
    dusk = rng.uniform(0.1, 0.3) * np.array([0.75, 0.85, 1.15])
    b.scene.atmosphere = Atmosphere(
        ambient=float(rng.uniform(0.16, 0.28)),
        ambient_rgb=(0.8, 0.9, 1.1),
        haze_per_m=float(10 ** rng.uniform(-3.6, -2.2)),
        haze_rgb=tuple(np.clip(dusk, 0, 1).tolist()),
        sky_seed=int(rng.integers(1 << 30)),
        cloudiness=float(rng.uniform(0.1, 0.9)),
        headlight=float(rng.uniform(0.1, 0.5)),
        brightness=float(rng.uniform(0.12, 0.35)),
    )


def lamps(b: SceneBuilder, places: list[tuple[float, float, float]], daylit: bool) -> None:
    """Indoor light: up to five lamps at `places`, one of them with shadows, and the sun through the openings."""
    rng = b.rng
    warmth = rng.uniform(0, 1)
    rgb = np.array([1.0, 0.97 - 0.12 * warmth, 0.95 - 0.35 * warmth])
    chosen = rng.permutation(len(places))[: int(rng.integers(2, 5))]
    reach = float(rng.uniform(4, 12))
    for number, k in enumerate(chosen):
        strength = tuple((rgb * rng.uniform(0.35, 0.85)).tolist())
        kind = "lamp" if number else "spot"
        b.scene.lights.append(Light(kind, tuple(places[k]), (0, 0, -1.0), strength, kind == "spot", reach))
    elevation, azimuth = np.radians(rng.uniform(15, 60)), rng.uniform(0, 2 * np.pi)
    if daylit:
        _sun(b, _downwards(elevation, azimuth), (0.75, 0.7, 0.6), True)
    fill = rng.uniform(0, 2 * np.pi)
    _sun(b, (np.cos(fill), np.sin(fill), -0.6), rgb * rng.uniform(0.1, 0.3))
    b.scene.atmosphere = Atmosphere(
        ambient=float(rng.uniform(0.28, 0.5)),
        ambient_rgb=tuple((rgb * 0.5 + 0.5).tolist()),
        haze_per_m=0.0 if b.chance(0.7) else float(10 ** rng.uniform(-3.5, -2.3)),
        sky_seed=int(rng.integers(1 << 30)),
        cloudiness=float(rng.uniform(0.1, 1.0)),
        headlight=float(rng.uniform(0.05, 0.35)) if b.chance(0.4) else 0.0,
    )
