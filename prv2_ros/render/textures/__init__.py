# SPDX-License-Identifier: Apache-2.0
"""A bank of procedural textures: `texture(kind, index)` is the same image on every machine, and cached.

A good 1024 x 1024 texture takes 0.1–0.5 s and a frame needs twenty, so scenes share a bank. Variety comes from
kinds x VARIANTS x tint x scale x light.
"""

import contextlib
import io
import os
import zlib
from pathlib import Path

import cv2
import numpy as np

from prv2_ros.errors import ImageError
from prv2_ros.media.images import write_whole
from prv2_ros.render.textures import made, surfaces
from prv2_ros.render.textures.made import FULL_PX
from prv2_ros.render.textures.noise import to_uint8

VARIANTS = 16
"""Different images of each kind in the bank."""

BANK_VERSION = 1
"""Increase it when a texture changes, so that cached images are not reused."""

_SURFACES = "asphalt concrete plaster brick tiles wood planks grass soil gravel stone bark leaves metal corrugated"
KINDS = {name: getattr(surfaces, name) for name in (_SURFACES + " fabric marble").split()}
PRINTED = {
    name: getattr(made, name) for name in "facade poster sign books carton wallpaper carpet screen glass".split()
}
KINDS |= PRINTED


def cache_folder() -> Path:
    """Where finished textures are kept between runs: $PRV2_CACHE, or the user's cache folder."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prv2_ros"
    return Path(os.environ.get("PRV2_CACHE") or user) / f"textures-{BANK_VERSION}"


def make_texture(kind: str, index: int, size: int = FULL_PX) -> np.ndarray:
    """Texture number `index` of `kind`, uint8 RGB, square; made anew, without the caches."""
    rng = np.random.default_rng([zlib.crc32(kind.encode()), index])
    if kind in PRINTED:  # drawn in pixels, so made whole and then shrunk
        image = to_uint8(KINDS[kind](rng))
        side = image.shape[0] * size // FULL_PX
        return image if size == FULL_PX else cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return to_uint8(KINDS[kind](rng, size))


def texture(kind: str, index: int, size: int = FULL_PX) -> np.ndarray:
    """Texture number `index` (modulo VARIANTS) of `kind`, uint8 RGB, square; treat it as read-only."""
    index %= VARIANTS
    path = cache_folder() / f"{kind}-{index:02d}-{size}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        image = make_texture(kind, index, size)
    data = io.BytesIO()
    np.save(data, image)
    with contextlib.suppress(ImageError):  # a read-only home costs time, not frames
        write_whole(path, data.getvalue())
    return image
