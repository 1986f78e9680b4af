# SPDX-License-Identifier: Apache-2.0
"""Seeds to frames: scene, camera and sensor are drawn from the seed alone, so a seed is a frame for ever."""

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


@dataclass(frozen=True)
class Frame:
    """One rendered view.

    Attributes:
        rgb: uint8 (H, W, 3).
        depth_m: float32 (H, W), exact metres along the optical axis; infinite where there is only sky.
        fx, fy, cx, cy: pinhole intrinsics in pixels, pixel centres at whole numbers.
        meta: family, seed, view, field of view, camera height, pitch, roll, sensor; plain values for JSON.
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
    """The scene of a family and seed: the same geometry, materials and lights every time.

    Raises:
        ImageError: there is no such family.
    """
    if family not in FAMILIES:
        raise ImageError(f"no scene family '{family}'; it is one of {', '.join(FAMILIES)}")
    builder = SceneBuilder(family, _rng(family, seed))
    FAMILIES[family].build(builder)
    return builder.scene


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIZE <= width <= MAX_SIZE and MIN_SIZE <= height <= MAX_SIZE):
        raise ImageError(f"cannot render {width}x{height}; both sides must be {MIN_SIZE} to {MAX_SIZE} pixels")


def _score(depth: np.ndarray, indoor: bool) -> float:
    """How much a view shows: refuses noses against walls and bare skies, likes many depths and edges."""
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
    renderer: SceneRenderer, family: str, seed: int, view: int, width: int, height: int, fov_deg: float | None
) -> tuple[Pose, Camera]:
    rng = _rng(family, seed, 1, view)
    fov = float(rng.uniform(40, 100)) if fov_deg is None else fov_deg
    camera = Camera.from_fov(width, height, fov)
    best: tuple[float, Pose | None] = (-math.inf, None)
    for attempt in range(14):
        pose = FAMILIES[family].camera(rng, renderer.scene.notes)
        score = _score(
            renderer.glance(pose, camera, max(1, min(width // 96, height // 54))), family == "room"
        ) + rng.uniform(0, 0.5)
        if score > best[0]:
            best = (score, pose)
        if attempt >= 4 and best[0] > 0.5:
            break
    assert best[1] is not None
    return best[1], camera


def _frame(
    renderer: SceneRenderer, pose: Pose, camera: Camera, sensor: Sensor, rng: np.random.Generator, meta: dict
) -> Frame:
    depth = renderer.depth(pose, camera)
    rgb = develop(renderer.colour(pose, camera), depth, renderer.scene.atmosphere, sensor, rng)
    position = [round(float(v), 3) for v in pose.position]
    meta = meta | {
        "position_m": position,
        "yaw_rad": round(float(pose.yaw), 4),
        "pitch_rad": round(float(pose.pitch), 4),
        "roll_rad": round(float(pose.roll), 4),
        "haze_per_m": renderer.scene.atmosphere.haze_per_m,
        "jpeg_quality": sensor.jpeg,
    }
    return Frame(rgb, depth, camera.fx, camera.fy, camera.cx, camera.cy, meta)


def render_views(
    family: str,
    seed: int,
    width: int,
    height: int,
    views: int = 1,
    *,
    fov_deg: float | None = None,
    samples: int | None = None,
    **drawing,
) -> Iterator[Frame]:
    """Several cameras in one scene: cheaper than as many scenes. Arguments as `render_frame`."""
    _check_size(width, height)
    if samples is None:  # without multisampling a frame costs half; the lens then softens its stairs
        samples = 4 if _rng(family, seed, 5).random() < 0.4 else 0
    with SceneRenderer(build_scene(family, seed), width, height, samples=samples, **drawing) as renderer:
        for view in range(views):
            pose, camera = _choose_view(renderer, family, seed, view, width, height, fov_deg)
            rng = _rng(family, seed, 2, view)
            sensor = Sensor.draw(rng)
            if samples == 0:
                sensor = sensor._replace(blur_px=max(sensor.blur_px, 0.4 * 1080 / height))
            yield _frame(renderer, pose, camera, sensor, rng, {"family": family, "seed": seed, "view": view})


def render_frame(family: str, seed: int, width: int, height: int, **options) -> Frame:
    """One frame of a scene family.

    Args:
        family: "street", "warehouse", "room" or "outdoor".
        seed: any whole number from 0; the frame is a function of family, seed and size.
        width, height: image size in pixels.
        fov_deg: horizontal field of view; drawn from 40–100 degrees when not given.
        samples: multisampling of the colour image, 0 or 4; drawn from the seed when not given.
        shadow_size, texture_px: cost and finish of the colour image, see `SceneRenderer`.

    Raises:
        ImageError: unknown family, or a size out of range.
        RenderError: MuJoCo or OpenGL is not there.
    """
    return next(iter(render_views(family, seed, width, height, 1, **options)))


def render_sequence(
    family: str,
    seed: int,
    width: int,
    height: int,
    frames: int,
    *,
    rate_hz: float = 10.0,
    speed_m_s: float | None = None,
    fov_deg: float = 70.0,
    sensor: Sensor | None = None,
    **drawing,
) -> Iterator[Frame]:
    """Frames of one camera moving through a scene, whose own vehicles and people move too.

    Args:
        rate_hz: frames a second. speed_m_s: camera's speed; 8 in a street, 0.8 elsewhere.
        sensor: camera defects; a mild one when not given. Others as `render_frame`.

    Yields:
        Frames whose meta also holds time_s.
    """
    _check_size(width, height)
    speed = speed_m_s if speed_m_s is not None else (8.0 if family == "street" else 0.8)
    sensor = sensor or Sensor(
        exposure=0.42, gamma=0.85, blur_px=0.35, noise=(0.4, 0.6), occlusion=0.5, vignette=0.1, jpeg=80
    )
    with SceneRenderer(build_scene(family, seed), width, height, **drawing) as renderer:
        start, camera = _choose_view(renderer, family, seed, 0, width, height, fov_deg)
        rng = _rng(family, seed, 3)
        if family == "street":
            half = renderer.scene.notes["half_road_m"]
            start = Pose((0.0, -0.35 * half, 1.6), 0.0, 0.02, 0.0)
        phase = rng.uniform(0, 6.28, 3)
        for number in range(frames):
            time = number / rate_hz
            renderer.set_time(time)
            sway = np.sin(phase + 2 * np.pi * np.array([0.7, 1.1, 0.4]) * time)
            step = speed * time
            position = np.asarray(start.position) + (
                math.cos(start.yaw) * step,
                math.sin(start.yaw) * step,
                0.01 * sway[0],
            )
            pose = Pose(
                tuple(position),
                start.yaw + 0.012 * sway[2],
                start.pitch + 0.004 * sway[1],
                start.roll + 0.004 * sway[0],
            )
            meta = {"family": family, "seed": seed, "frame": number, "time_s": round(time, 4)}
            yield _frame(renderer, pose, camera, sensor, _rng(family, seed, 4, number), meta)
