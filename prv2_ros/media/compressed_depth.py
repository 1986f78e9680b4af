# SPDX-License-Identifier: Apache-2.0
"""Depth as image_transport's compressedDepth: a 12-byte head (int32, float32 A, float32 B) and a 16-bit PNG.

For 32FC1 the PNG holds A / z + B, 0 where there is no depth, so steps grow with z²; for 16UC1 it holds millimetres.
Decoders read A and B from the head, so they can fit each depth.
"""

import struct

import cv2
import numpy as np

DEPTH_32F = "32FC1; compressedDepth png"
DEPTH_16U = "16UC1; compressedDepth png"
HEAD = struct.Struct("<iff")


def compress_depth(depth_m: np.ndarray, *, nearest_m: float | None = None, level: int = 9) -> bytes:
    """Bytes of a CompressedImage of format "32FC1; compressedDepth png".

    Args:
        depth_m: (H, W) metres; NaN, infinity and values that are not positive become "no depth".
        nearest_m: Depth of the largest code (None: the minimum); the step at depth z is z² / (65535 · nearest_m).
        level: PNG compression, 0 to 9.
    """
    known = np.isfinite(depth_m) & (depth_m > 0)
    if nearest_m is None:
        nearest_m = float(depth_m[known].min()) if known.any() else 1.0
    scale = 65535.0 * nearest_m
    codes = np.zeros(depth_m.shape, np.uint16)
    codes[known] = np.clip(np.rint(scale / depth_m[known]), 1, 65535)
    return HEAD.pack(0, scale, 0.0) + _png(codes, level)


def compress_millimetres(depth_mm: np.ndarray, *, level: int = 9) -> bytes:
    """Bytes of a CompressedImage of format "16UC1; compressedDepth png", from (H, W) uint16, 0 for no depth."""
    return HEAD.pack(0, 0.0, 0.0) + _png(depth_mm, level)


def _png(codes: np.ndarray, level: int) -> bytes:
    return cv2.imencode(".png", codes, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
