# SPDX-License-Identifier: Apache-2.0
"""LiDAR points into a camera's depth map."""

from typing import Any

import cv2
import numpy as np

from prv2_ros.errors import DataError

FLOAT_TYPES = {7: "f4", 8: "f8"}
# A window of this width and height at this focal length [px] spans the gaps between a 64-row LiDAR's returns.
HIDDEN_WINDOW_PX, HIDDEN_FOCAL_PX = (9, 7), 721.0
HIDDEN_RATIO, HIDDEN_M = 0.08, 0.3


def read_points(message: Any) -> np.ndarray:
    """(N, 3) float64 of a PointCloud2, finite points only; a DataError where its fields or sizes are wrong."""
    fields = {field.name: field for field in message.fields}
    order = ">" if message.is_bigendian else "<"
    try:
        formats = [order + FLOAT_TYPES[fields[axis].datatype] for axis in "xyz"]
        offsets = [fields[axis].offset for axis in "xyz"]
    except KeyError as error:
        raise DataError(f"a point cloud needs float x, y, z; its fields are {', '.join(fields)}") from error
    width, height, point_step, row_step = message.width, message.height, message.point_step, message.row_step
    ends = [offset + np.dtype(kind).itemsize for offset, kind in zip(offsets, formats, strict=True)]
    if max(ends) > point_step or width * point_step > row_step or len(message.data) != row_step * height:
        raise DataError(
            f"a point cloud of {width}x{height} points has {len(message.data)} bytes, point_step {point_step} and "
            f"row_step {row_step}, which do not fit"
        )
    dtype = np.dtype({"names": list("xyz"), "formats": formats, "offsets": offsets, "itemsize": point_step})
    rows = np.frombuffer(message.data, np.uint8).reshape(height, row_step)
    data = np.ascontiguousarray(rows[:, : width * point_step]).reshape(-1).view(dtype)
    points = np.stack([data[axis].astype(np.float64) for axis in "xyz"], axis=1)
    return points[np.isfinite(points).all(axis=1)]


def project_points(
    points: np.ndarray,
    camera_from_lidar: np.ndarray,
    intrinsics: tuple[float, float, float, float],
    size: tuple[int, int],
) -> np.ndarray:
    """Sparse depth of points in a rectified camera.

    A LiDAR beside the camera sees behind near objects: points far behind the nearest one of their
    neighbourhood are dropped, since the camera cannot see them.

    Args:
        points: (N, 3) metres in the LiDAR's frame.
        camera_from_lidar: (3, 4) or (4, 4) into the camera's optical frame.
        intrinsics: fx, fy, cx, cy; pixel centres have whole coordinates.
        size: (H, W).

    Returns:
        (H, W) float32 metres along the optical axis, 0 = none; the nearest point wins a pixel.
    """
    height, width = size
    fx, fy, cx, cy = intrinsics
    x, y, z = (points @ camera_from_lidar[:3, :3].T + camera_from_lidar[:3, 3]).T
    front = z > 0.1
    x, y, z = x[front], y[front], z[front]
    column, row = np.rint(fx * x / z + cx).astype(int), np.rint(fy * y / z + cy).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    nearest = np.full((height, width), np.inf, np.float32)
    np.minimum.at(nearest, (row[inside], column[inside]), z[inside].astype(np.float32))
    across, down = (
        max(least, round(least * focal / HIDDEN_FOCAL_PX)) | 1
        for least, focal in zip(HIDDEN_WINDOW_PX, (fx, fy), strict=True)
    )
    around = cv2.erode(nearest, np.ones((down, across), np.uint8), borderValue=np.inf)
    visible = np.isfinite(nearest) & (nearest <= around * (1 + HIDDEN_RATIO) + HIDDEN_M)
    return np.where(visible, nearest, 0.0).astype(np.float32)
