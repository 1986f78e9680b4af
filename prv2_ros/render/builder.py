# SPDX-License-Identifier: Apache-2.0
"""Scenes as data, and the builder that fills one: shapes by material, lights, air."""

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from prv2_ros.render import shapes
from prv2_ros.render.shapes import Shape
from prv2_ros.render.textures import VARIANTS

POOL = 4
"""Variants of one texture kind in one scene; more cost uploads without a visible gain."""

SHADES = 24
"""Steps of each colour channel of a tint."""


class Material(NamedTuple):
    """Appearance of a surface; equal materials share one draw call.

    Attributes:
        kind, index: texture kind of the bank ("" for a plain colour) and variant.
        rgb: tint, multiplied into the texture.
        tile_m: metres that one texture image covers; 0 when shapes bring 0..1 coordinates.
        specular, shininess, emission: MuJoCo's, in [0, 1].
    """

    kind: str = ""
    index: int = 0
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tile_m: float = 2.0
    specular: float = 0.1
    shininess: float = 0.2
    emission: float = 0.0


class Light(NamedTuple):
    """A MuJoCo light: kind "sun" (directional; its position follows the camera), "lamp" (point) or "spot"."""

    kind: str
    position: tuple[float, float, float]
    direction: tuple[float, float, float]
    rgb: tuple[float, float, float]
    shadow: bool = False
    range_m: float = 0.0


@dataclass
class Atmosphere:
    """Sky and air: ambient light, haze (1 / m), what the sky texture is made from (`brightness` 1 is day), and the
    light from the camera (`headlight`)."""

    ambient: float = 0.4
    ambient_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    haze_per_m: float = 0.0
    haze_rgb: tuple[float, float, float] = (0.8, 0.85, 0.9)
    sky_seed: int = 0
    cloudiness: float = 0.5
    sunset: float = 0.0
    headlight: float = 0.0
    brightness: float = 1.0


def _lists() -> dict[Material, list[Shape]]:
    return defaultdict(list)


@dataclass
class Scene:
    """A scene without a camera. Group "" of the batches is static; other groups move with a `velocity` in m/s."""

    family: str
    batches: dict[str, dict[Material, list[Shape]]] = field(default_factory=lambda: defaultdict(_lists))
    velocity: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    lights: list[Light] = field(default_factory=list)
    atmosphere: Atmosphere = field(default_factory=Atmosphere)
    notes: dict = field(default_factory=dict)


class SceneBuilder:
    """Adds shapes to a Scene in the current place (`at`), with random materials and texture offsets.

    Scenes are a function of their seed: the order of random draws must not change, or all rendered frames do.
    """

    def __init__(self, family: str, rng: np.random.Generator) -> None:
        self.scene = Scene(family)
        self.rng = rng
        self._group = ""
        self._pool: dict[str, list[int]] = defaultdict(list)
        self._places: list[tuple[np.ndarray, float, float]] = []

    def pick(self, options):
        """One of `options`, all equally likely."""
        return options[self.rng.integers(len(options))]

    def some(self, low: int, high: int) -> range:
        """range(n) of a random n, low <= n < high."""
        return range(int(self.rng.integers(low, high)))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    @contextmanager
    def at(self, position, yaw: float = 0.0, scale: float = 1.0):
        """Shapes added inside are scaled, turned about z and moved; places nest."""
        self._places.append((np.asarray(position, float), yaw, scale))
        yield self
        self._places.pop()

    def turned(self, position, scale: float = 1.0):
        """`at` with a random yaw."""
        return self.at(position, self.rng.uniform(0, 6.28), scale)

    def detail(self) -> float:
        """1 within 12 m of the world's origin, where cameras are, falling to 0.2 far away."""
        if not self._places:
            return 1.0
        return float(np.clip(12 / (np.hypot(*self._places[0][0][:2]) + 1e-6), 0.2, 1.0))

    @contextmanager
    def moving(self, group: str, velocity: tuple[float, float, float]):
        """Shapes added inside belong to a moving body of this name."""
        self._group, before = group, self._group
        self.scene.velocity[group] = velocity
        yield self
        self._group = before

    def material(
        self, kind: str, tile_m: float = 2.0, tint: float = 0.15, rgb=None, specular=None, shininess=None, **rest
    ) -> Material:
        """A random variant of a texture kind; `tint` is the spread of its colour, `rgb` its mean."""
        rng = self.rng
        if kind == "brick":
            tile_m = min(tile_m, 1.4) * 0.8  # a brick is 6–8 cm high whatever the wall
        pool = self._pool[kind]
        if len(pool) < POOL:
            pool.append(int(rng.integers(VARIANTS)))
        mean = np.ones(3) if rgb is None else np.asarray(rgb, float)
        colour = mean * (1 + rng.uniform(-tint, tint)) * (1 + rng.uniform(-tint / 2, tint / 2, 3))
        colour = np.clip(np.round(colour * SHADES) / SHADES, 0, 1)  # quantised, so that draw calls are shared
        return Material(
            kind,
            pool[rng.integers(len(pool))],
            tuple(colour.tolist()),
            round(tile_m * 4) / 4 if tile_m > 0.5 else tile_m,
            float(rng.choice([0.05, 0.2]) if specular is None else round(specular, 1)),
            0.3 if shininess is None else round(shininess, 1),
            **rest,
        )

    def plain(self, rgb=None, specular=None, shininess=None, emission: float = 0.0) -> Material:
        """A colour without texture; a random, mostly muted one when none is given."""
        if rgb is None:
            value, chroma = self.rng.uniform(0.1, 0.95), self.rng.beta(1, 3)
            rgb = np.round(value * (1 - chroma * self.rng.random(3)) * 8) / 8
        return self.material("", tint=0.0, rgb=rgb, specular=specular, shininess=shininess, emission=emission)

    def add(self, shape: Shape, material: Material) -> None:
        """Add a shape in the current place."""
        own_uv = shape.uv
        for position, yaw, scale in reversed(self._places):
            shape = shapes.transform(shape, position, yaw, scale)
        if material.tile_m == 0:
            shape = shape._replace(uv=own_uv)
        if material.kind and material.tile_m > 0:
            shape = shape._replace(uv=shape.uv / material.tile_m + self.rng.random(2))
        self.scene.batches[self._group][material].append(shape)

    def box(self, center, size, material: Material, yaw: float = 0.0, fit: bool = False) -> None:
        """Box by its centre and full side lengths."""
        self.add(shapes.box(center, size, yaw, fit), material)

    def block(self, base, size, material: Material, yaw: float = 0.0, fit: bool = False) -> None:
        """Box by the centre of its bottom face."""
        self.box((base[0], base[1], base[2] + size[2] / 2), size, material, yaw, fit)

    def boxes(self, material: Material, *parts) -> None:
        """Boxes of one material, each (center, size)."""
        for center, size in parts:
            self.box(center, size, material)

    def quad(self, origin, side_u, side_v, material: Material, fit: bool = False) -> None:
        """Parallelogram seen from side_u x side_v."""
        self.add(shapes.quad(origin, side_u, side_v, fit), material)

    def cylinder(
        self, base, height: float, radius: float, material: Material, sides: int = 16, top_radius=None
    ) -> None:
        """Upright cylinder or cone."""
        self.add(shapes.cylinder(base, height, radius, sides, top_radius), material)

    def tube(self, points, radius, material: Material, sides: int = 8) -> None:
        """Round tube along points."""
        self.add(shapes.tube(points, radius, sides), material)

    def rod(self, start, end, radius, material: Material, sides: int = 8) -> None:
        """Straight round tube."""
        self.tube([start, end], radius, material, sides)

    def wire(self, start, end, sag: float, radius: float, material: Material, pieces: int = 14) -> None:
        """Hanging wire."""
        t = np.linspace(0, 1, pieces)[:, None]
        points = np.asarray(start) * (1 - t) + np.asarray(end) * t
        points[:, 2:] -= 4 * sag * t * (1 - t)
        self.add(shapes.tube(points, radius, 5, caps=False), material)

    def blob(self, center, radii, material: Material, rough: float = 0.0, detail: int = 12) -> None:
        """Ellipsoid, shaken by noise when rough > 0."""
        self.add(shapes.blob(center, radii, self.rng, rough, detail), material)
