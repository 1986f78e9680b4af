# SPDX-License-Identifier: Apache-2.0
"""From seeds to frames: scene, camera and sensor depend on the seed alone, so a seed always gives the same frame."""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.render.builder import Scene, SceneBuilder
from prv2_ros.render.camera import Camera, Pose
from prv2_ros.render.families import FAMILIES
from prv2_ros.render.renderer import SceneRenderer
from prv2_ros.render.sensor import Sensor, develop

MIN_SIZE, MAX_SIZE = 32, 8192
SEQUENCE_FOV_DEG = 70.0
SEQUENCE_SENSOR = Sensor(0.42, 0.85, vignette=0.1, blur_px=0.35, noise=(0.4, 0.6), occlusion=0.5, jpeg=80)


@dataclass(frozen=True)
class Frame:
    """One rendered view.

    Attributes:
        rgb: uint8 (H, W, 3).
        depth_m: float32 (H, W), exact metres along the optical axis; infinite where there is only sky.
        fx, fy, cx, cy: pinhole intrinsics in pixels, pixel centres at whole numbers.
        meta: plain values for JSON: family, seed, camera pose, haze, JPEG quality.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    meta: dict = field(default_factory=dict)


def _rng(family: str, seed: int, *rest: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(family.encode()), seed, *rest])


def build_scene(family: str, seed: int) -> Scene:
    """The scene of a family and seed; an ImageError where there is no such family."""
    if family not in FAMILIES:
        raise ImageError(f"no scene family '{family}'; it is one of {', '.join(FAMILIES)}")
    builder = SceneBuilder(family, _rng(family, seed))
    FAMILIES[family].build(builder)
    return builder.scene


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIZE <= width <= MAX_SIZE and MIN_SIZE <= height <= MAX_SIZE):
        raise ImageError(f"cannot render {width}x{height}; both sides must be {MIN_SIZE} to {MAX_SIZE} pixels")


def _score(depth: np.ndarray, indoor: bool) -> float:
    """How much a view shows: low close to walls or with much sky, high with many depths and edges."""
    finite = np.isfinite(depth)
    near = np.percentile(np.where(finite, depth, 1e3), 3)
    if near < 0.35 or finite.mean() < 0.35:
        return -10 + min(near, 0.35) + finite.mean()
    close = (depth < (0.8 if indoor else 1.6)).mean()
    if close > 0.3:
        return -3 - close
    log = np.log(np.clip(np.where(finite, depth, 150), 0.2, 150))
    if np.median(log) < math.log(1.0):
        return -5 + np.median(log)
    edges = (np.abs(np.diff(log, axis=1)) > 0.12).mean()
    return float(log.std() + 4 * edges)


def _choose_view(
    renderer: SceneRenderer, family: str, seed: int, view: int, size: tuple[int, int], fov_deg: float | None = None
) -> tuple[Pose, Camera]:
    width, height = size
    rng = _rng(family, seed, 1, view)
    camera = Camera.from_fov(width, height, float(rng.uniform(40, 100)) if fov_deg is None else fov_deg)
    divisor = max(1, min(width // 96, height // 54))
    best, best_score = Pose((0.0, 0.0, 0.0)), -math.inf
    for attempt in range(14):
        pose = FAMILIES[family].camera(rng, renderer.scene.notes)
        score = _score(renderer.glance(pose, camera, divisor), family == "room") + rng.uniform(0, 0.5)
        if score > best_score:
            best, best_score = pose, score
        if attempt >= 4 and best_score > 0.5:
            break
    return best, camera


def _frame(
    renderer: SceneRenderer, pose: Pose, camera: Camera, sensor: Sensor, rng: np.random.Generator, meta: dict
) -> Frame:
    depth = renderer.depth(pose, camera)
    rgb = develop(renderer.colour(pose, camera), depth, renderer.scene.atmosphere, sensor, rng)
    air = renderer.scene.atmosphere
    meta = meta | {"position_m": [round(float(v), 3) for v in pose.position]}
    meta |= {f"{name}_rad": round(float(getattr(pose, name)), 4) for name in ("yaw", "pitch", "roll")}
    meta |= {"haze_per_m": air.haze_per_m, "jpeg_quality": sensor.jpeg}
    return Frame(rgb, depth, camera.fx, camera.fy, camera.cx, camera.cy, meta)


def render_views(
    family: str, seed: int, width: int, height: int, views: int = 1, *, samples: int | None = None, **drawing
) -> Iterator[Frame]:
    """Frames of several cameras in one scene.

    Args:
        family: "street", "warehouse", "room" or "outdoor".
        seed: any whole number from 0; the frames are a function of family, seed and size.
        width, height: image size in pixels.
        views: how many cameras.
        samples: multisampling of the colour image, 0 or 4; drawn from the seed when not given.
        drawing: shadow_size and texture_px, see `SceneRenderer`.

    Raises:
        ImageError: unknown family, or a size out of range.
        RenderError: MuJoCo or OpenGL is missing.
    """
    _check_size(width, height)
    if samples is None:  # without multisampling a frame costs half; the lens blur then hides aliasing
        samples = 4 if _rng(family, seed, 5).random() < 0.4 else 0
    with SceneRenderer(build_scene(family, seed), width, height, samples=samples, **drawing) as renderer:
        for view in range(views):
            pose, camera = _choose_view(renderer, family, seed, view, (width, height))
            rng = _rng(family, seed, 2, view)
            sensor = Sensor.draw(rng)
            if samples == 0:
                sensor = sensor._replace(blur_px=max(sensor.blur_px, 0.4 * 1080 / height))
            yield _frame(renderer, pose, camera, sensor, rng, {"family": family, "seed": seed, "view": view})


def render_frame(family: str, seed: int, width: int, height: int, **options) -> Frame:
    """The first of `render_views`."""
    return next(iter(render_views(family, seed, width, height, 1, **options)))


def render_sequence(
    family: str, seed: int, width: int, height: int, frames: int, *, rate_hz: float = 10.0, **drawing
) -> Iterator[Frame]:
    """Frames, `rate_hz` a second, of one camera that moves through a scene with moving vehicles and people.

    Arguments as `render_views`; the meta of the frames also has time_s.
    """
    _check_size(width, height)
    speed_m_s = 8.0 if family == "street" else 0.8
    with SceneRenderer(build_scene(family, seed), width, height, **drawing) as renderer:
        start, camera = _choose_view(renderer, family, seed, 0, (width, height), SEQUENCE_FOV_DEG)
        rng = _rng(family, seed, 3)
        if family == "street":
            half = renderer.scene.notes["half_road_m"]
            start = Pose((0.0, -0.35 * half, 1.6), 0.0, 0.02, 0.0)
        phase = rng.uniform(0, 6.28, 3)
        for number in range(frames):
            time = number / rate_hz
            renderer.set_time(time)
            sway = np.sin(phase + 2 * np.pi * np.array([0.7, 1.1, 0.4]) * time)
            x, y, z = start.position
            step = speed_m_s * time
            place = (x + math.cos(start.yaw) * step, y + math.sin(start.yaw) * step, z + 0.01 * sway[0])
            turn = (start.yaw + 0.012 * sway[2], start.pitch + 0.004 * sway[1], start.roll + 0.004 * sway[0])
            pose = Pose(place, *turn)
            meta = {"family": family, "seed": seed, "frame": number, "time_s": round(time, 4)}
            yield _frame(renderer, pose, camera, SEQUENCE_SENSOR, _rng(family, seed, 4, number), meta)
