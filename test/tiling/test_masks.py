# SPDX-License-Identifier: Apache-2.0
import math

import cv2
import numpy as np
import pytest

from prv2_ros.tiling.masks import tile_mask


@pytest.mark.parametrize("size", [(384, 512), (96, 128), (540, 960), (135, 241)])
def test_mask_is_the_references_with_opencv(size):
    height, width = size
    box = np.zeros(size, np.float64)
    box[int(0.15 * height) : height - int(0.15 * height), int(0.15 * width) : width - int(0.15 * width)] = 1
    sigma = int(height / 16)
    kernel = 2 * math.ceil(2 * sigma) + 1
    blurred = cv2.GaussianBlur(box, (kernel, kernel), sigma, sigmaY=sigma)
    wanted = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    assert np.abs(tile_mask(*size).numpy() - wanted).max() < 1e-6


def test_tiny_tiles_get_the_bare_box():
    mask = tile_mask(10, 20)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
