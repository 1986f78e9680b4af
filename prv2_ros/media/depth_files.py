# SPDX-License-Identifier: Apache-2.0
"""Depth on disk: 16-bit PNG in millimetres, npy and EXR in metres, PLY clouds."""

import io
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.media.images import write_whole

DEPTH_SUFFIXES = (".png", ".npy", ".exr")
PNG_LIMIT_M = 65.535


def write_depth(path: str | Path, depth_m: np.ndarray) -> None:
    """Write (H, W) float metres atomically; the suffix chooses the format.

    `.png`: 16-bit millimetres, 0 = unknown, 65535 = 65.535 m or farther. `.npy`, `.exr` (channel Z): metres.

    Raises:
        ImageError: Unknown suffix, OpenEXR is missing, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".png":
        write_whole(path, cv2.imencode(".png", millimetres(depth_m))[1].tobytes())
    elif suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, depth_m.astype(np.float32, copy=False))
        write_whole(path, buffer.getvalue())
    elif suffix == ".exr":
        _write_exr(path, depth_m)
    else:
        raise ImageError(f"cannot write depth to {path}: '{path.suffix}' is not one of {' '.join(DEPTH_SUFFIXES)}")


def millimetres(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) metres to uint16 millimetres; NaN and values that are not positive become 0, far ones saturate."""
    scaled = np.where(depth_m > 0, depth_m, 0) * 1000.0
    return np.clip(np.rint(scaled), 0, 65535).astype(np.uint16)


def _write_exr(path: Path, depth_m: np.ndarray) -> None:
    try:
        import OpenEXR
    except ImportError:
        raise ImageError(f"writing {path} needs the package OpenEXR: pip install OpenEXR, or use .npy") from None
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with tempfile.TemporaryDirectory() as folder:
        part = os.path.join(folder, "depth.exr")
        OpenEXR.File(header, {"Z": np.ascontiguousarray(depth_m, np.float32)}).write(part)
        write_whole(path, Path(part).read_bytes())


def read_depth(path: str | Path) -> np.ndarray:
    """Read what `write_depth` wrote: (H, W) float32 metres, 0 = unknown in PNG.

    Raises:
        ImageError: The file is missing, damaged, or not a single-channel depth map.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            depth_m = np.load(path, allow_pickle=False).astype(np.float32)
        elif path.suffix.lower() == ".exr":
            import OpenEXR

            depth_m = OpenEXR.File(str(path)).channels()["Z"].pixels.astype(np.float32)
        else:
            stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
            if stored is None or stored.dtype != np.uint16:
                raise ImageError(f"{path} is not a 16-bit depth PNG")
            depth_m = stored.astype(np.float32) / 1000.0
    except (OSError, ValueError, KeyError, RuntimeError, cv2.error) as error:
        raise error if isinstance(error, ImageError) else ImageError(f"cannot read {path}: {error}") from None
    if depth_m.ndim != 2:
        raise ImageError(f"{path} holds an array of shape {depth_m.shape}, a depth map is (H, W)")
    return depth_m


def write_ply(path: str | Path, xyz: np.ndarray, colours: np.ndarray) -> None:
    """Write a cloud as binary PLY: (N, 3) metres in the optical frame, and (N, 3) uint8 RGB."""
    vertex = np.empty(len(xyz), dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])
    vertex["xyz"], vertex["rgb"] = xyz, colours
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(xyz)}"]
    header += [f"property float {name}" for name in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue")]
    header += ["end_header", ""]
    write_whole(Path(path), "\n".join(header).encode() + vertex.tobytes())
