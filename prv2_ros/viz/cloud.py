# SPDX-License-Identifier: Apache-2.0
"""The coloured point cloud, and a picture of it from a raised viewpoint."""

import math

import cv2
import numpy as np

from prv2_ros.errors import ImageError

_MAX_POINTS = 600_000
_LARGEST_SPLAT = 7
_BACKGROUND = 18


def cloud_points(
    depth_m: np.ndarray, rgb: np.ndarray, intrinsics: tuple[float, float, float, float], *, stride: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a depth map in the optical frame (x right, y down, z forward; REP 103).

    Args:
        depth_m: (H, W) metres along z; 0, NaN and infinity give no point.
        rgb: (H, W, 3) uint8.
        intrinsics: fx, fy, cx, cy in pixels of the depth map; pixel centres are whole numbers.
        stride: take every n-th row and column.

    Returns:
        xyz (N, 3) float32 in metres, and colours (N, 3) uint8.

    Raises:
        ImageError: depth and colour differ in size.
    """
    if depth_m.shape != rgb.shape[:2]:
        raise ImageError(f"depth is {depth_m.shape} but the image is {rgb.shape[:2]}")
    fx, fy, cx, cy = intrinsics
    z = depth_m[::stride, ::stride].astype(np.float32)
    x = ((np.arange(0, depth_m.shape[1], stride) - cx) / fx).astype(np.float32)
    y = ((np.arange(0, depth_m.shape[0], stride) - cy) / fy).astype(np.float32)
    known = np.isfinite(z) & (z > 0)
    xyz = np.stack([z * x[None, :], z * y[:, None], z], axis=-1)[known]
    return xyz, rgb[::stride, ::stride][known]


def render_cloud_picture(
    depth_m: np.ndarray,
    rgb: np.ndarray,
    intrinsics: tuple[float, float, float, float],
    *,
    size: tuple[int, int] = (1280, 720),
    pitch_deg: float = 22.0,
    yaw_deg: float = 14.0,
    max_depth_m: float | None = None,
) -> np.ndarray:
    """Picture of the cloud from above and beside the camera, (height, width, 3) uint8 RGB; near points hide far ones.

    The viewer turns about the middle of the scene, which makes errors along the camera's line of sight visible.

    Args:
        depth_m, rgb, intrinsics: as `cloud_points`.
        size: (width, height) of the picture.
        pitch_deg, yaw_deg: how far the viewer is raised, and stands to the right.
        max_depth_m: omit points beyond; None takes the 97th percentile.
    """
    stride = max(1, math.ceil(math.sqrt(depth_m.size / _MAX_POINTS)))
    xyz, colours = cloud_points(depth_m, rgb, intrinsics, stride=stride)
    width, height = size
    picture = np.full((height, width, 3), _BACKGROUND, np.uint8)
    if len(xyz) == 0:
        return picture
    if max_depth_m is None:
        max_depth_m = float(np.percentile(xyz[:, 2], 97))
    keep = xyz[:, 2] <= max_depth_m
    xyz, colours = xyz[keep], colours[keep]

    pivot = np.array([0.0, float(np.median(xyz[:, 1])), float(np.median(xyz[:, 2]))], np.float32)
    turn = cv2.Rodrigues(np.array([math.radians(pitch_deg), 0, 0]))[0]
    turn = (turn @ cv2.Rodrigues(np.array([0, math.radians(yaw_deg), 0]))[0]).astype(np.float32)
    view = (xyz - pivot) @ turn.T
    view[:, 2] += pivot[2] * 1.15
    in_front = view[:, 2] > 0.05 * pivot[2]
    view, colours = view[in_front], colours[in_front]
    focal = 0.9 * width * intrinsics[0] / depth_m.shape[1]
    u = view[:, 0] / view[:, 2] * focal + width / 2
    v = view[:, 1] / view[:, 2] * focal + height / 2
    # A point covers a patch as wide as the spacing of the rays at its depth.
    footprint = xyz[in_front, 2] * stride / intrinsics[0] / view[:, 2] * focal
    splat = np.clip(np.ceil(footprint * 1.8), 1, _LARGEST_SPLAT).astype(np.int32)
    _draw(picture, u, v, view[:, 2], splat, colours)
    return picture


def _draw(
    picture: np.ndarray, u: np.ndarray, v: np.ndarray, z: np.ndarray, splat: np.ndarray, colours: np.ndarray
) -> None:
    """Paint square splats into `picture`, the nearest point at each pixel winning."""
    height, width = picture.shape[:2]
    nearest = np.full(height * width, np.inf, np.float32)
    owner = np.full(height * width, -1, np.int64)
    for size in np.unique(splat):
        chosen = np.flatnonzero(splat == size)
        order = chosen[np.argsort(-z[chosen], kind="stable")]
        left = np.floor(u[order] - (size - 1) / 2 + 0.5).astype(np.int64)
        top = np.floor(v[order] - (size - 1) / 2 + 0.5).astype(np.int64)
        for row in range(size):
            for column in range(size):
                x, y = left + column, top + row
                inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                pixel, point = y[inside] * width + x[inside], order[inside]
                layer = np.full(height * width, -1, np.int64)
                layer[pixel] = point  # far to near: of several points at a pixel the last one, the nearest, stays
                hit = np.flatnonzero(layer >= 0)
                wins = z[layer[hit]] < nearest[hit]
                nearest[hit[wins]] = z[layer[hit[wins]]]
                owner[hit[wins]] = layer[hit[wins]]
    drawn = owner >= 0
    picture.reshape(-1, 3)[drawn] = colours[owner[drawn]]
