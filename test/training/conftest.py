# SPDX-License-Identifier: Apache-2.0
"""A tiny data set and a tiny recipe, made on the spot."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from prv2_ros.training.recipe import Recipe


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy_root(tmp_path: Path) -> Path:
    """Six frames of a slanted plane with a box in front and sky above."""
    folder = tmp_path / "sets" / "toy"
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:128]
    for i in range(6):
        depth = 2000 + 30 * (95 - rows) + 5 * columns
        x, y = rng.integers(10, 90), rng.integers(30, 60)
        depth[y : y + 25, x : x + 25] = 1200
        raw = depth.astype(np.uint16)
        raw[:12] = 65535
        raw[20:24] = 0
        shade = (depth // 30 + rng.integers(0, 12, depth.shape)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{i}.png"), np.repeat(shade[..., None], 3, 2))
        cv2.imwrite(str(folder / "depth" / f"{i}.png"), raw)
    meta = {"licence": "CC0", "depth_unit_m": 0.001, "sky": 65535, "fx": 100, "fy": 100}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder.parent


@pytest.fixture
def toy_recipe(toy_root: Path, tmp_path: Path) -> Recipe:
    """A coarse run of two epochs of two steps at 64 x 96."""
    return Recipe(
        task="coarse",
        roots={"toy": str(toy_root)},
        sets=[{"root": "toy"}],
        validation=[{"root": "toy", "tag": "toy"}],
        validation_frames=2,
        process_size=[64, 96],
        tile_size=[32, 64],
        max_depth_m=50.0,
        sky_depth_m=60.0,
        losses={"log_l1": 1.0, "gradient": 0.3, "silog": 0.1, "sky": 0.2, "auxiliary": 0.2, "coarse": 0.5},
        epochs=2,
        steps_per_epoch=2,
        batch_size=2,
        lr=1e-3,
        workers=0,
        ema=0.5,
        seed=3,
        out=str(tmp_path / "out"),
    )
