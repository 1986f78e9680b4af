# SPDX-License-Identifier: Apache-2.0
"""A tiny street with exact depth as a folder data set, and the recording made of it."""

import json

import cv2
import numpy as np
import pytest
from tiny_weights import write_tiny_weights

WIDTH, HEIGHT, FOCAL = 320, 192, 256.0


@pytest.fixture(scope="session")
def street(tmp_path_factory):
    """Three frames: a ground plane, a box that moves, sky."""
    folder = tmp_path_factory.mktemp("data") / "street"
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for index in range(3):
        rows = np.arange(HEIGHT)[:, None] - HEIGHT * 0.45
        depth_m = np.where(rows > 0, 1.6 * FOCAL / np.maximum(rows, 1e-3), np.inf) * np.ones((1, WIDTH))
        depth_m[60:120, 60 + 30 * index : 110 + 30 * index] = 9.0
        raw = np.where(depth_m < 120, np.round(depth_m * 512), 65535).astype(np.uint16)
        cv2.imwrite(str(folder / "depth" / f"{index:05d}.png"), raw)
        cv2.imwrite(str(folder / "rgb" / f"{index:05d}.jpg"), cv2.GaussianBlur(texture, (0, 0), 2))
    meta = {"fx": FOCAL, "fy": FOCAL, "cx": 159.5, "cy": 95.5, "depth_unit_m": 1 / 512, "sky": 65535}
    meta["frames"] = {f"{index:05d}": {"time_s": 0.2 * index} for index in range(3)}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="session")
def street_bag(street, tmp_path_factory):
    from prv2_ros.demo.make_bag import make_demo_bag

    path = tmp_path_factory.mktemp("bag") / "street"
    make_demo_bag(street, path)
    return path


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    return write_tiny_weights(tmp_path_factory.mktemp("weights") / "random.safetensors")
