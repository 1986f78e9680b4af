# SPDX-License-Identifier: Apache-2.0
"""Augmentation: colour, and one affine map per view (crop, flip, rotation, stretch) with its exact focal length."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from prv2_ros.data.sample import Sample

PROCESS_SIZE, CANONICAL_FOCAL_PX = (384, 512), 400.0


@dataclass(frozen=True)
class View:
    """A part of a frame, which the network sees as a whole frame.

    Attributes:
        box: (x, y, width, height) in pixels of the frame, before rotation; need not be whole.
        flip: mirrored left to right.
        roll_deg: rotation about the box's centre (depth along the optical axis does not change by it).
    """

    box: tuple[float, float, float, float]
    flip: bool = False
    roll_deg: float = 0.0

    def matrix(self, focal_px: tuple[float, float], out_size: tuple[int, int]) -> np.ndarray:
        """(2, 3) map from output pixel indices to frame pixel indices, for an output of `out_size` (H, W)."""
        x, y, width, height = self.box
        out_h, out_w = out_size
        sx, sy = (-width if self.flip else width) / out_w, height / out_h
        angle = np.deg2rad(self.roll_deg)
        # Rays, not pixels, are rotated: with fx != fy the pixel map is a rotation between two stretches.
        ratio = focal_px[0] / focal_px[1]
        rotation = np.array([[np.cos(angle), -np.sin(angle) * ratio], [np.sin(angle) / ratio, np.cos(angle)]])
        linear = rotation @ np.diag([sx, sy])
        centre_out = np.array([out_w / 2 - 0.5, out_h / 2 - 0.5])
        centre_in = np.array([x + width / 2 - 0.5, y + height / 2 - 0.5])
        return np.hstack([linear, (centre_in - linear @ centre_out)[:, None]])

    def canonical_scale(
        self,
        focal_px: tuple[float, float],
        process_size: Sequence[int] = PROCESS_SIZE,
        canonical_focal_px: float = CANONICAL_FOCAL_PX,
    ) -> float:
        """Canonical depth / real depth when this view is stretched to the process size (h, w).

        The network answers for one focal length, whatever camera took the picture. Stretching changes the focal lengths
        to fx * w / W and fy * h / H; depth is proportional to the focal length of a camera that sees the same picture,
        so the target is depth * canonical / sqrt(fx_process * fy_process).
        """
        fx_process = focal_px[0] * process_size[1] / self.box[2]
        fy_process = focal_px[1] * process_size[0] / self.box[3]
        return canonical_focal_px / float(np.sqrt(fx_process * fy_process))


def random_view(
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    min_scale: float = 0.6,
    whole: float = 0.3,
    aspect_jitter: float = 0.25,
    max_roll_deg: float = 1.0,
) -> View:
    """A random view of a frame of `size` (H, W).

    Args:
        min_scale: smallest share of the frame's sides.
        whole: probability of the whole frame.
        aspect_jitter: largest relative difference of the two sides' shares.
        max_roll_deg: largest rotation.
    """
    height, width = size
    flip = bool(rng.random() < 0.5)
    roll = float(rng.uniform(-max_roll_deg, max_roll_deg))
    if rng.random() < whole:
        return View((0.0, 0.0, float(width), float(height)), flip, roll)
    share = rng.uniform(min_scale, 1.0)
    stretch = np.exp(rng.uniform(-aspect_jitter, aspect_jitter))
    box_w = width * min(1.0, share * np.sqrt(stretch))
    box_h = height * min(1.0, share / np.sqrt(stretch))
    x, y = rng.uniform(0, width - box_w), rng.uniform(0, height - box_h)
    return View((float(x), float(y), float(box_w), float(box_h)), flip, roll)


def render_view(
    sample: Sample, view: View, size: tuple[int, int], *, antialias: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Picture, uint8 (h, w, 3), and real depth, float32 (h, w) metres (0 = none, inf = sky), of `size` (h, w).

    Colour is bilinear, depth nearest: the mean of two surfaces lies between them. `antialias` averages colour over
    each output pixel's footprint, which the engine does not do.
    """
    out_h, out_w = size
    x, y, width, height = view.box
    margin = 2 + int(np.ceil(max(width, height) * abs(np.sin(np.deg2rad(view.roll_deg)))))
    x0, y0 = max(0, int(x) - margin), max(0, int(y) - margin)
    x1 = min(sample.size[1], int(np.ceil(x + width)) + margin)
    y1 = min(sample.size[0], int(np.ceil(y + height)) + margin)
    rgb, depth = np.asarray(sample.rgb[y0:y1, x0:x1]), np.asarray(sample.depth_m[y0:y1, x0:x1], dtype=np.float32)
    matrix = view.matrix(sample.focal_px, size)
    matrix[:, 2] -= (x0, y0)
    flags = cv2.WARP_INVERSE_MAP
    out_depth = cv2.warpAffine(depth, matrix, (out_w, out_h), flags=cv2.INTER_NEAREST | flags)
    factor_x, factor_y = width / out_w, height / out_h
    if antialias and max(factor_x, factor_y) > 1.0:
        shrink = (max(1, round(rgb.shape[1] / max(1.0, factor_x))), max(1, round(rgb.shape[0] / max(1.0, factor_y))))
        kx, ky = shrink[0] / rgb.shape[1], shrink[1] / rgb.shape[0]
        rgb = cv2.resize(rgb, shrink, interpolation=cv2.INTER_AREA)
        to_small = np.diag([kx, ky])
        matrix = np.hstack([to_small @ matrix[:, :2], (to_small @ (matrix[:, 2] + 0.5) - 0.5)[:, None]])
    out_rgb = cv2.warpAffine(
        rgb, matrix, (out_w, out_h), flags=cv2.INTER_LINEAR | flags, borderMode=cv2.BORDER_REPLICATE
    )
    return out_rgb, out_depth


def jitter_colour(rgb: np.ndarray, rng: np.random.Generator, *, strength: float = 1.0) -> np.ndarray:
    """Random exposure, contrast, gamma, white balance, saturation, blur and noise of a uint8 (H, W, 3) picture.

    A `strength` of 1 is about the difference between two cameras and times of day; 0 changes nothing.
    """
    if strength <= 0:
        return rgb
    levels = np.linspace(0.0, 1.0, 256)
    gain = np.exp(rng.normal(0, 0.15 * strength))
    gamma = np.exp(rng.normal(0, 0.18 * strength))
    contrast = np.exp(rng.normal(0, 0.15 * strength))
    balance = np.exp(rng.normal(0, 0.06 * strength, 3))
    tables = [((levels**gamma - 0.5) * contrast + 0.5) * gain * b for b in balance]
    table = np.clip(np.stack(tables, 1) * 255.0, 0, 255).astype(np.uint8)[:, None, :]
    out = cv2.LUT(np.ascontiguousarray(rgb), table)
    saturation = float(np.exp(rng.normal(0, 0.25 * strength)))
    if rng.random() < 0.05 * strength:
        saturation = 0.0
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    out = cv2.addWeighted(out, saturation, grey, 1.0 - saturation, 0.0)
    if rng.random() < 0.15 * strength:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.25 * strength:
        noise = np.asarray(rng.normal(0, rng.uniform(1.0, 8.0), out.shape), np.float32)
        out = np.clip(out.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    return out
